//! Runs that start by themselves.

use std::{sync::Arc, time::Duration};

use crds::{
    Workflow, WorkflowRun, WorkflowRunSpec,
    conditions::{self, ConditionUpdate},
    labels, names,
    run::{RunTrigger, TriggerKind, WorkflowRef},
    tenant::TenantState,
    workflow::{Schedule as ScheduleSpec, ScheduleStatus, WorkflowState},
};
use domain::schedule::{Schedule, ScheduleEvaluation, evaluate};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::{Error as KubeError, Resource as _, ResourceExt as _, api::PostParams};

use crate::{
    api::{failed, within},
    context::Context,
    errors::{Error, Verb},
    events::Note,
};

/// How late a run may start where its schedule does not say.
const STARTING_DEADLINE: Duration = Duration::from_secs(600);

/// What the schedules of a workflow ask for now. Pure.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scheduled {
    /// Runs to make, each with the time that it is of.
    pub(super) runs: Vec<(WorkflowRun, Timestamp)>,
    /// For the status.
    pub(super) schedules: Vec<ScheduleStatus>,
    /// When the first of them is due.
    pub(super) next_at: Option<Timestamp>,
    /// Why they all rest.
    pub(super) rest: Option<&'static str>,
}

/// Whether the workflow may run at all, and its tenant.
pub(super) fn rest(workflow: &Workflow, tenant: TenantState, is_valid: bool) -> Option<&'static str> {
    if !is_valid {
        Some("Invalid")
    } else if workflow.spec.state == Some(WorkflowState::Archived) {
        Some("Archived")
    } else if tenant != TenantState::Active {
        Some("TenantNotActive")
    } else if workflow.spec.schedules.iter().all(|schedule| schedule.suspend == Some(true)) {
        Some("Suspended")
    } else {
        None
    }
}

/// Plans. A time that passes while they rest is made good as any other: the last one, if its deadline allows.
pub(super) fn plan(workflow: &Workflow, rest: Option<&'static str>, now: Timestamp) -> Scheduled {
    let mut scheduled = Scheduled { rest, ..Scheduled::default() };
    for spec in &workflow.spec.schedules {
        // One that cannot be read is a problem of the workflow, and told as such.
        let Ok(schedule) = Schedule::parse(&spec.cron, spec.time_zone.as_deref()) else { continue };
        let mut status = known(workflow, spec, now);
        if rest.is_none() && spec.suspend != Some(true) {
            let deadline = spec.starting_deadline.as_ref().and_then(|deadline| deadline.to_std().ok());
            let deadline = deadline.unwrap_or(STARTING_DEADLINE);
            let ScheduleEvaluation { run_at, next_at } =
                evaluate(&schedule, status.last_evaluated_time.0, deadline, now);
            if let Some(at) = run_at {
                scheduled.runs.push((run(workflow, spec, at), at));
                (status.last_evaluated_time, status.last_at) = (Time(at), Some(Time(at)));
            }
            status.next_at = next_at.map(Time);
        }
        scheduled.next_at = scheduled.next_at.into_iter().chain(status.next_at.as_ref().map(|at| at.0)).min();
        scheduled.schedules.push(status);
    }
    scheduled
}

/// Returns the stored progress of a schedule. A new schedule, or one whose cron expression or time zone has changed,
/// is evaluated from now on.
fn known(workflow: &Workflow, spec: &ScheduleSpec, now: Timestamp) -> ScheduleStatus {
    let schedule_hash = names::schedule_hash(&spec.cron, spec.time_zone.as_deref());
    let all = workflow.status.iter().flat_map(|status| &status.schedules);
    let mut known = all.filter(|known| known.name == spec.name);
    let known = known.next().cloned();
    let last_at = known.as_ref().and_then(|known| known.last_at.clone());
    let unchanged = known.filter(|known| known.schedule_hash == schedule_hash);
    let last_evaluated_time = unchanged.map(|known| known.last_evaluated_time);
    // Stored without fractions: what is kept and what is compared are the same.
    let begins = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    ScheduleStatus {
        name: spec.name.clone(),
        schedule_hash,
        last_evaluated_time: last_evaluated_time.unwrap_or(begins),
        last_at,
        next_at: None,
    }
}

/// Its name is of the schedule and the time: whoever makes it, and however often, makes one.
fn run(workflow: &Workflow, spec: &ScheduleSpec, at: Timestamp) -> WorkflowRun {
    let name = workflow.name_any();
    let run_name =
        names::scheduled_run(&name, &workflow.uid().unwrap_or_default(), &spec.name, at.as_second());
    let trigger = RunTrigger { kind: TriggerKind::Schedule, by: None, parent: None };
    let run = WorkflowRunSpec {
        workflow_ref: WorkflowRef { name: name.clone() },
        input: spec.input.clone(),
        trigger: Some(trigger),
        ..WorkflowRunSpec::default()
    };
    let metadata = ObjectMeta {
        name: Some(run_name),
        namespace: workflow.namespace(),
        labels: Some(
            [(labels::WORKFLOW.to_owned(), name), (labels::SCHEDULE.to_owned(), spec.name.clone())].into(),
        ),
        ..ObjectMeta::default()
    };
    WorkflowRun { metadata, ..WorkflowRun::new("", run) }
}

/// Makes the runs that are due. One that is there already was made before a crash.
///
/// # Errors
/// The API server refuses one, or cannot be asked.
pub(super) async fn start(
    ctx: &Arc<Context>,
    workflow: &Workflow,
    scheduled: &Scheduled,
) -> Result<(), Error> {
    let api = within::<WorkflowRun>(&ctx.client, &workflow.namespace().unwrap_or_default());
    let manager = Some(crds::constants::OPERATOR_MANAGER.to_owned());
    let ours = PostParams { field_manager: manager, ..PostParams::default() };
    for (run, at) in &scheduled.runs {
        let name = run.name_any();
        match api.create(&ours, run).await {
            Ok(_) => {
                let text = format!("run {name} of {at}");
                tracing::info!(workflow = workflow.name_any(), run.name = name, %at, "a schedule is due");
                ctx.tell_later(workflow.object_ref(&()), Note::normal("Schedule", "RunCreated", text));
            }
            Err(KubeError::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(failed(Verb::Create, &api, &name)(error)),
        }
    }
    Ok(())
}

/// What condition Scheduled says; nothing of a workflow without schedules.
pub(super) fn condition(workflow: &Workflow, scheduled: &Scheduled) -> Option<ConditionUpdate<'static>> {
    if workflow.spec.schedules.is_empty() {
        return None;
    }
    Some(ConditionUpdate {
        kind: conditions::SCHEDULED,
        status: if scheduled.rest.is_none() { conditions::TRUE } else { conditions::FALSE },
        reason: scheduled.rest.unwrap_or("Scheduled"),
        message: String::new(),
        generation: workflow.metadata.generation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn workflow(schedule: &str, status: &str) -> Workflow {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Workflow, metadata: {{name: report, namespace: bakery, uid: u1}}, \
             spec: {{steps: [], schedules: [{{name: nightly, {schedule}}}]}}, status: {{{status}}}}}"
        );
        let hash = names::schedule_hash("0 2 * * *", None);
        serde_yaml::from_str(&text.replace("HASH", &hash)).unwrap()
    }

    fn planned(schedule: &str, status: &str, now: &str) -> Scheduled {
        let workflow = workflow(schedule, status);
        plan(&workflow, rest(&workflow, TenantState::Active, true), at(now))
    }

    const DAILY: &str = "cron: '0 2 * * *'";
    /// The status of the schedule [`DAILY`], last evaluated on 23 November.
    const KNOWN: &str =
        "schedules: [{name: nightly, scheduleHash: HASH, lastEvaluatedTime: '2026-11-23T02:00:00Z'}]";

    /// A schedule that has just been written starts a run of last night; or it never starts one.
    #[test]
    fn a_new_schedule_begins_now() {
        let new = planned(DAILY, "", "2026-11-24T02:05:00Z");
        assert!(new.runs.is_empty());
        assert_eq!(new.next_at, Some(at("2026-11-25T02:00:00Z")));
        let changed = planned(DAILY, &KNOWN.replace("HASH", "other"), "2026-11-24T02:05:00Z");
        assert!(
            changed.runs.is_empty(),
            "a schedule whose cron expression has changed is evaluated from now on"
        );
    }

    /// A run starts twice, since the operator was killed before it had written that it started.
    #[test]
    fn a_time_has_one_run_however_often_it_is_looked_at() {
        let due = planned(DAILY, KNOWN, "2026-11-24T02:00:01Z");
        let again = planned(DAILY, KNOWN, "2026-11-24T02:07:00Z");
        assert_eq!(due.runs, again.runs);
        assert_eq!(due.runs[0].1, at("2026-11-24T02:00:00Z"));
        let written = KNOWN.replace("2026-11-23", "2026-11-24");
        assert!(planned(DAILY, &written, "2026-11-24T02:07:00Z").runs.is_empty());
        assert!(planned(DAILY, KNOWN, "2026-11-24T02:10:01Z").runs.is_empty(), "ten minutes late");
    }

    /// A schedule that rests starts runs, or says that it is due.
    #[test]
    fn a_schedule_that_rests_starts_nothing() {
        let suspended = planned("cron: '0 2 * * *', suspend: true", KNOWN, "2026-11-24T02:00:01Z");
        assert_eq!((suspended.runs.len(), suspended.next_at, suspended.rest), (0, None, Some("Suspended")));
        let workflow = workflow(DAILY, KNOWN);
        let tenant = rest(&workflow, TenantState::Suspended, true);
        let resting = plan(&workflow, tenant, at("2026-11-24T02:00:01Z"));
        assert_eq!((resting.runs.len(), resting.rest), (0, Some("TenantNotActive")));
        assert_eq!(resting.schedules[0].last_evaluated_time.0, at("2026-11-23T02:00:00Z"));
    }
}
