//! Deciding on approvals.

use crds::{
    WorkflowRun,
    run::{Decision, RunPhase, StepStatus, Waiting, WaitingFor},
};
use domain::permission::{Permission, Permissions};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{approval_form, change, check, kubernetes};
use crate::{
    app::{
        App, Error,
        audit::{self, Change},
        contents::reserve_object,
        kubernetes::write_permit,
        reservation::COPIES,
    },
    auth::TenantScope,
    store::{Run, RunContent, RunStatus, TenantTx},
};

/// Maximum number of attempts to write a decision while other writers change the run.
const MAX_ATTEMPTS: u32 = 5;

/// Maximum number of keys in the explanation of an unknown one.
const MAX_SHOWN_KEYS: usize = 20;

/// Decision on an approval step.
#[derive(Clone, Debug)]
pub struct Decide {
    /// Name of the step, or `step/index` for an item of a `forEach` step.
    pub key: String,
    /// True to approve, false to reject.
    pub approved: bool,
    /// Input of the approver.
    pub input: Option<Value>,
    /// Email address of the approver.
    pub by: String,
    /// Roles of the approver.
    pub roles: Vec<String>,
}

/// Decides on an approval step and returns the new state of the run. The run is read from Kubernetes, since its row may
/// be slightly older.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such run; if the run has finished; if the step does not
/// wait for a decision, was decided already, or requires another role; if the input does not match the schema; or if
/// the Kubernetes API or the database fails.
pub async fn decide(app: &App, scope: TenantScope, id: Uuid, decide: Decide) -> Result<Run, Error> {
    let too_deep = decide.input.as_ref().map(check::form_violations).unwrap_or_default();
    if !too_deep.is_empty() {
        return Err(Error::InvalidDecision(too_deep));
    }
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let (tenant, run) = change::writable_run(&mut tx, id, Permission::WORKFLOW_RUN_DECIDE).await?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    audit::record_object("WORKFLOW_RUN", Some(run.id), &run.name);
    change::require_unfinished(&run, "decide")?;
    let _reservation = reserve_object::<RunContent>(app, scope, id, COPIES).await?;
    let _permit = write_permit(app, scope.tenant_id(), "decide").await?;
    audit::record_changes(changes(&decide));
    for _ in 0..MAX_ATTEMPTS {
        let object = kubernetes::get(&app.kube, &tenant.namespace, &run.name).await?;
        if let Some(form) = check_decision(&object, &decide)? {
            let schema =
                approval_form::read(&app.kube, &tenant.namespace, &form.revision, &form.step).await?;
            check_form(app, scope, schema, decide.input.as_ref()).await?;
        }
        let decision = decision(&decide);
        if let Some(object) = kubernetes::decide(&app.kube, &tenant.namespace, &object, &decision).await? {
            return change::mirror_and_get(app, scope, id, &object).await;
        }
    }
    Err(Error::Contended { action: "decide" })
}

/// Returns what a decision changes, without the input of the approver.
fn changes(Decide { key, approved, input, by: _, roles: _ }: &Decide) -> Vec<Change> {
    let field = format!("/decisions/{}", key.replace('~', "~0").replace('/', "~1"));
    let approved = Change::new(format!("{field}/approved"), None, Some(json!(approved)));
    let input = input.as_ref().map(|_| Change::omitted(format!("{field}/input")));
    [approved].into_iter().chain(input).collect()
}

fn decision(Decide { key, approved, input, by, roles: _ }: &Decide) -> Decision {
    Decision { key: key.clone(), approved: *approved, input: input.clone(), by: Some(by.clone()) }
}

/// Form that the input of an approval has to match.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    /// Revision that the run executes.
    revision: String,
    /// Name of the step.
    step: String,
}

/// Checks that a run waits for the decision and that the approver may decide. Returns the form to check, which a rejection does
/// not have.
fn check_decision(run: &WorkflowRun, decide: &Decide) -> Result<Option<Form>, Error> {
    let status = run.status.clone().unwrap_or_default();
    if let Some(status) = status.phase.and_then(final_status) {
        return Err(Error::RunFinished { action: "decide", status });
    }
    let found = waiting_step(&status.steps, &decide.key);
    let is_refused = found.as_ref().is_ok_and(|(_, waiting)| waiting.refused.is_some());
    if let Some(earlier) = run.spec.decisions.iter().find(|earlier| earlier.key == decide.key && !is_refused)
    {
        return Err(Error::AlreadyDecided { approved: earlier.approved });
    }
    let (step, waiting) = found?;
    if !may_decide(&decide.roles, &waiting.roles) {
        return Err(Error::NotAnApprover { roles: waiting.roles.clone() });
    }
    let revision = status.revision.filter(|_| decide.approved);
    Ok(revision.map(|revision| Form { revision: revision.name, step: step.to_owned() }))
}

fn final_status(phase: RunPhase) -> Option<RunStatus> {
    match phase {
        RunPhase::Queued | RunPhase::Running | RunPhase::Suspended => None,
        RunPhase::Succeeded => Some(RunStatus::Succeeded),
        RunPhase::Failed => Some(RunStatus::Failed),
        RunPhase::Cancelled => Some(RunStatus::Cancelled),
        RunPhase::TimedOut => Some(RunStatus::TimedOut),
    }
}

/// Returns the name of the step that a key identifies, and the approval that it waits for.
fn waiting_step<'a>(steps: &'a [StepStatus], key: &str) -> Result<(&'a str, &'a Waiting), Error> {
    let unknown = || Error::NoSuchStep { message: no_such_step(steps, key) };
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

/// Explains that a run has no step or item of a key, and which keys wait for a decision.
fn no_such_step(steps: &[StepStatus], key: &str) -> String {
    let is_approval =
        |waiting: Option<&Waiting>| waiting.is_some_and(|waiting| waiting.reason == WaitingFor::Approval);
    let items_of = |step: &StepStatus| {
        let active = step.items.iter().flat_map(|items| &items.active);
        let waiting = active.filter(|item| is_approval(item.waiting.as_ref()));
        waiting.map(|item| format!("{}/{}", step.name, item.index)).collect::<Vec<_>>()
    };
    let keys = steps.iter().flat_map(|step| {
        let own = is_approval(step.waiting.as_ref()).then(|| step.name.clone());
        own.into_iter().chain(items_of(step))
    });
    let keys: Vec<_> = keys.take(MAX_SHOWN_KEYS).collect();
    match keys.as_slice() {
        [] => format!("the run has no step or item {key}, and none waits for a decision"),
        keys => format!("the run has no step or item {key}; these wait for a decision: {}", keys.join(", ")),
    }
}

/// Returns whether a user with the roles `own` may decide for the roles `accepted`: with one of them, or with all
/// permissions that one of them grants. An empty list accepts every user who has the permission to decide.
fn may_decide(own: &[String], accepted: &[String]) -> bool {
    let permissions = Permissions::of_roles(own);
    let is_sufficient = |role: &String| {
        let required = Permissions::of_roles(std::slice::from_ref(role));
        own.contains(role) || (required != Permissions::NONE && permissions.covers(required))
    };
    accepted.is_empty() || accepted.iter().any(is_sufficient)
}

/// Checks the input of an approval as the run does: with the defaults of the form.
async fn check_form(
    app: &App,
    scope: TenantScope,
    schema: Option<Value>,
    input: Option<&Value>,
) -> Result<(), Error> {
    let Some(schema) = schema else { return Ok(()) };
    let empty = Value::Object(serde_json::Map::new());
    let validate: check::Validate = |schema, input| schema.complete(input.clone()).map(drop);
    let violations = check::schema_violations(app, scope, &schema, input.unwrap_or(&empty), validate).await?;
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

    fn check_as(key: &str, role: &str, status: &Value, decisions: &Value) -> String {
        let roles = vec![role.to_owned()];
        let decide = Decide {
            key: key.to_owned(),
            approved: true,
            input: None,
            by: "anna@acme.example".to_owned(),
            roles,
        };
        match check_decision(&run(status, decisions), &decide) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Only approvals that wait can be decided, and only by users with sufficient roles.
    #[test]
    fn only_waiting_approvals_are_decided_by_users_with_sufficient_roles() {
        let none = json!([]);
        for (key, role, answer) in [
            ("approve", "admin", "ok"),
            ("approve", "owner", "ok"),
            ("approve", "builder", "failed to decide: one of these roles is required: admin"),
            ("each/1", "member", "ok"),
            ("each/2", "member", "failed to decide: each/2 is not waiting for a decision"),
            (
                "each/3",
                "member",
                "failed to decide: the run has no step or item each/3; these wait for a decision: approve, each/1",
            ),
            ("each", "member", "failed to decide: each is not waiting for a decision"),
            ("fetch", "admin", "failed to decide: fetch is not waiting for a decision"),
            ("pause", "admin", "failed to decide: pause is not waiting for a decision"),
            (
                "aprove",
                "admin",
                "failed to decide: the run has no step or item aprove; these wait for a decision: approve, each/1",
            ),
        ] {
            assert_eq!(check_as(key, role, &waiting(), &none), answer, "{key} by {role}");
        }
    }

    /// A decision that was refused is replaced by another one.
    #[test]
    fn a_refused_decision_is_replaced() {
        let decisions = json!([{"key": "approve", "approved": true, "by": "bert@acme.example"}]);
        let mut status = waiting();
        let steps = status["steps"].as_array_mut().unwrap();
        let step = steps.iter_mut().find(|step| step["name"] == "approve").unwrap();
        step["waiting"]["refused"] = json!({"message": "/sum is missing", "generation": 2});
        assert_eq!(check_as("approve", "admin", &status, &decisions), "ok");
    }

    /// A decision is final, and a finished run accepts none.
    #[test]
    fn a_decision_is_made_once_and_before_the_end() {
        let decisions = json!([{"key": "approve", "approved": false, "by": "bert@acme.example"}]);
        assert_eq!(
            check_as("approve", "admin", &waiting(), &decisions),
            "failed to decide: already rejected"
        );
        let ended = json!({"phase": "TimedOut", "steps": []});
        assert_eq!(
            check_as("approve", "admin", &ended, &json!([])),
            "failed to decide: the run has finished with status TIMED_OUT"
        );
    }
}
