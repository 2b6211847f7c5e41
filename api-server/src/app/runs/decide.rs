//! Deciding on what a run asks.

use crds::{
    WorkflowRun,
    run::{Decision, RunPhase, StepStatus, Waiting, WaitingFor},
};
use domain::permission::Permissions;
use serde_json::Value;
use uuid::Uuid;

use super::{change, check, kubernetes};
use crate::{
    app::Error,
    auth::TenantScope,
    state::AppState,
    store::{Run, RunStatus, TenantTx, Workflow},
};

/// A run that is decided on while it is written all the time is read anew this often.
const TRIES: u32 = 5;

/// A decision.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The step, or `step/index` of a `forEach`.
    pub key: String,
    /// Whether it is approved.
    pub approved: bool,
    /// What was filled in.
    pub input: Option<Value>,
    /// Who decides, as an e-mail address.
    pub by: String,
    /// The roles of the one who decides.
    pub roles: Vec<String>,
}

/// Decides on what a run asks, and gives it back as it is then. What the run asks is read from Kubernetes: the mirror
/// may be a moment behind.
///
/// # Errors
/// The tenant accepts no writes or has no such run; the run has ended, asks nothing there, asks others, or was answered;
/// what was filled in does not fit; or Kubernetes or the database fails.
pub async fn decide(state: &AppState, scope: TenantScope, id: Uuid, decide: Decide) -> Result<Run, Error> {
    let too_deep = decide.input.as_ref().map(check::too_deep).unwrap_or_default();
    if !too_deep.is_empty() {
        return Err(Error::InvalidDecision(too_deep));
    }
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let (tenant, run) = change::own(&mut tx, id).await?;
    let workflow = change::workflow(&mut tx, &run).await?;
    // No connection is held while Kubernetes is asked.
    drop(tx);
    change::unfinished(&run, "decide")?;
    for _ in 0..TRIES {
        let object = kubernetes::get(&state.kube, &tenant.namespace, &run.name).await?;
        asks(&object, workflow.as_ref(), &decide)?;
        let decision = decision(&decide);
        if let Some(object) = kubernetes::decide(&state.kube, &tenant.namespace, &object, &decision).await? {
            return change::taken_in(state, scope, id, &object).await;
        }
    }
    Err(Error::Contended { action: "decide" })
}

fn decision(Decide { key, approved, input, by, roles: _ }: &Decide) -> Decision {
    Decision { key: key.clone(), approved: *approved, input: input.clone(), by: Some(by.clone()) }
}

/// Whether the run asks this, of this person, and takes this answer.
fn asks(run: &WorkflowRun, workflow: Option<&Workflow>, decide: &Decide) -> Result<(), Error> {
    let status = run.status.clone().unwrap_or_default();
    if let Some(status) = status.phase.and_then(finished) {
        return Err(Error::RunFinished { action: "decide", status });
    }
    if let Some(made) = run.spec.decisions.iter().find(|made| made.key == decide.key) {
        return Err(Error::AlreadyDecided { approved: made.approved });
    }
    let (step, waiting) = asked(&status.steps, &decide.key)?;
    if !may(&decide.roles, &waiting.roles) {
        return Err(Error::NotAsked { roles: waiting.roles.clone() });
    }
    let revision = status.revision.map(|revision| revision.name);
    // Of another revision only the runner knows the schema, and it checks once more.
    match workflow.filter(|workflow| workflow.revision == revision) {
        Some(workflow) if decide.approved => fits(workflow, step, decide.input.as_ref()),
        _ => Ok(()),
    }
}

fn finished(phase: RunPhase) -> Option<RunStatus> {
    match phase {
        RunPhase::Queued | RunPhase::Running | RunPhase::Suspended => None,
        RunPhase::Succeeded => Some(RunStatus::Succeeded),
        RunPhase::Failed => Some(RunStatus::Failed),
        RunPhase::Cancelled => Some(RunStatus::Cancelled),
        RunPhase::TimedOut => Some(RunStatus::TimedOut),
    }
}

/// The step of a key, and what it asks.
fn asked<'a>(steps: &'a [StepStatus], key: &str) -> Result<(&'a str, &'a Waiting), Error> {
    let unknown = || Error::NoSuchStep { key: key.to_owned() };
    let (name, index) = match key.split_once('/') {
        Some((name, index)) => (name, Some(index.parse::<u32>().map_err(|_| unknown())?)),
        None => (key, None),
    };
    let step = steps.iter().find(|step| step.name == name).ok_or_else(unknown)?;
    let waiting = match (index, &step.items) {
        (None, _) => step.waiting.as_ref(),
        (Some(index), Some(items)) if index < items.total => {
            items.active.iter().find(|item| item.index == index).and_then(|item| item.waiting.as_ref())
        }
        (Some(_), _) => return Err(unknown()),
    };
    let approval = waiting.filter(|waiting| waiting.reason == WaitingFor::Approval);
    approval
        .map(|waiting| (step.name.as_str(), waiting))
        .ok_or_else(|| Error::NotWaiting { key: key.to_owned() })
}

/// Whether somebody of these roles may answer for one of those that are asked: as one of them, or with all the rights
/// that one of them has. Where none is named, everybody who may decide at all is asked.
fn may(own: &[String], asked: &[String]) -> bool {
    let held = Permissions::of_roles(own);
    let stands_for = |role: &String| {
        let rights = Permissions::of_roles(std::slice::from_ref(role));
        own.contains(role) || (rights != Permissions::NONE && held.covers(rights))
    };
    asked.is_empty() || asked.iter().any(stands_for)
}

fn fits(workflow: &Workflow, step: &str, input: Option<&Value>) -> Result<(), Error> {
    let lists = ["steps", "onExit"].iter().filter_map(|list| workflow.spec.get(list)?.as_array());
    let mut steps = lists.flatten();
    let step = steps.find(|found| found.get("name").and_then(Value::as_str) == Some(step));
    let Some(schema) = step.and_then(|step| step.pointer("/approval/schema")) else { return Ok(()) };
    let empty = Value::Object(serde_json::Map::new());
    let violations = check::violations(schema, input.unwrap_or(&empty));
    if violations.is_empty() { Ok(()) } else { Err(Error::InvalidDecision(violations)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(status: &Value, decisions: &Value) -> WorkflowRun {
        serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1",
            "kind": "WorkflowRun",
            "metadata": {"name": "payment-1"},
            "spec": {"workflowRef": {"name": "payment"}, "decisions": decisions},
            "status": status,
        }))
        .unwrap()
    }

    fn waiting() -> Value {
        json!({"phase": "Suspended", "steps": [
            {"name": "fetch", "phase": "Succeeded"},
            {"name": "pause", "phase": "Suspended", "waiting": {"for": "Time"}},
            {"name": "approve", "phase": "Suspended", "waiting": {"for": "Approval", "roles": ["admin"]}},
            {"name": "each", "phase": "Running", "items": {"total": 3, "active": [
                {"index": 1, "attempt": 1, "waiting": {"for": "Approval"}},
            ]}},
        ]})
    }

    fn ask(key: &str, role: &str, status: &Value, decisions: &Value) -> String {
        let roles = vec![role.to_owned()];
        let decide = Decide {
            key: key.to_owned(),
            approved: true,
            input: None,
            by: "anna@acme.example".to_owned(),
            roles,
        };
        match asks(&run(status, decisions), None, &decide) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Somebody decides who was not asked, or on what nobody has asked, and money flows.
    #[test]
    fn only_what_is_asked_is_decided_by_those_who_are_asked() {
        let none = json!([]);
        for (key, role, answer) in [
            ("approve", "admin", "ok"),
            ("approve", "owner", "ok"),
            ("approve", "builder", "failed to decide: that takes the rights of one of the roles admin"),
            ("each/1", "member", "ok"),
            ("each/2", "member", "failed to decide: each/2 does not wait for a decision"),
            ("each/3", "member", "failed to decide: the run has no step or item each/3"),
            ("each", "member", "failed to decide: each does not wait for a decision"),
            ("fetch", "admin", "failed to decide: fetch does not wait for a decision"),
            ("pause", "admin", "failed to decide: pause does not wait for a decision"),
            ("aprove", "admin", "failed to decide: the run has no step or item aprove"),
        ] {
            assert_eq!(ask(key, role, &waiting(), &none), answer, "{key} by {role}");
        }
    }

    /// A second decision overrides the first.
    #[test]
    fn a_decision_comes_once_and_before_the_end() {
        let made = json!([{"key": "approve", "approved": false, "by": "bert@acme.example"}]);
        assert_eq!(
            ask("approve", "admin", &waiting(), &made),
            "failed to decide: it is decided already, refused"
        );
        let ended = json!({"phase": "TimedOut", "steps": []});
        assert_eq!(
            ask("approve", "admin", &ended, &json!([])),
            "failed to decide: the run has ended as TIMED_OUT"
        );
    }
}
