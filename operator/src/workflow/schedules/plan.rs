//! Plan for the schedules of a workflow: which runs are due. Pure.

use std::time::Duration;

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
use kube::ResourceExt as _;

/// Starting deadline of a schedule that specifies none: the maximum delay of a run after its scheduled time.
const DEFAULT_STARTING_DEADLINE: Duration = Duration::from_secs(600);

/// Reason for which the schedules of a workflow start no runs if each of them is suspended.
pub(super) const SUSPENDED: &str = "Suspended";

/// Changes that the schedules of a workflow require now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::workflow) struct SchedulePlan {
    /// Runs to create.
    pub(in crate::workflow) runs: Vec<ScheduledRun>,
    /// Schedules for the status of the workflow.
    pub(in crate::workflow) schedules: Vec<ScheduleStatus>,
    /// Time at which the next run is due.
    pub(in crate::workflow) next_at: Option<Timestamp>,
    /// Reason for which all schedules are suspended.
    pub(in crate::workflow) suspended: Option<&'static str>,
}

/// A run that is due.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::workflow) struct ScheduledRun {
    /// The run under the first of its names, without its input.
    pub(in crate::workflow) run: WorkflowRun,
    /// Name of its schedule.
    pub(in crate::workflow) schedule: String,
    /// Time for which the run is scheduled.
    pub(in crate::workflow) scheduled_at: Timestamp,
}

/// Returns the reason for which all schedules of a workflow are suspended, if they are.
pub(in crate::workflow) fn suspension_reason(
    workflow: &Workflow,
    tenant: TenantState,
    is_valid: bool,
) -> Option<&'static str> {
    if !is_valid {
        Some("Invalid")
    } else if workflow.spec.state == Some(WorkflowState::Archived) {
        Some("Archived")
    } else if tenant != TenantState::Active {
        Some("TenantNotActive")
    } else if workflow.spec.schedules.iter().all(|schedule| schedule.suspend == Some(true)) {
        Some(SUSPENDED)
    } else {
        None
    }
}

/// Returns the plan. A time that has passed while the schedules were suspended is handled like any other
/// missed time: the last one starts a run if its starting deadline has not passed.
pub(in crate::workflow) fn plan(
    workflow: &Workflow,
    suspended: Option<&'static str>,
    now: Timestamp,
) -> SchedulePlan {
    let mut plan = SchedulePlan { suspended, ..SchedulePlan::default() };
    for spec in &workflow.spec.schedules {
        // A schedule that cannot be parsed is reported as a problem of the workflow.
        let Ok(schedule) = Schedule::parse(&spec.cron, spec.time_zone.as_deref()) else { continue };
        let mut status = progress(workflow, spec, now);
        if suspended.is_none() && spec.suspend != Some(true) {
            let deadline = spec.starting_deadline.as_ref().and_then(|deadline| deadline.to_std().ok());
            let deadline = deadline.unwrap_or(DEFAULT_STARTING_DEADLINE);
            let ScheduleEvaluation { run_at, next_at } =
                evaluate(&schedule, status.last_evaluated_time.0, deadline, now);
            if let Some(at) = run_at {
                let run = build_run(workflow, spec, at);
                plan.runs.push(ScheduledRun { run, schedule: spec.name.clone(), scheduled_at: at });
                (status.last_evaluated_time, status.last_at) = (Time(at), Some(Time(at)));
            }
            status.next_at = next_at.map(Time);
        }
        plan.next_at = plan.next_at.into_iter().chain(status.next_at.as_ref().map(|at| at.0)).min();
        plan.schedules.push(status);
    }
    plan
}

/// Returns the stored progress of a schedule. A new schedule, or one whose cron expression or time zone has changed,
/// is evaluated from now on.
fn progress(workflow: &Workflow, spec: &ScheduleSpec, now: Timestamp) -> ScheduleStatus {
    let schedule_hash = names::schedule_hash(&spec.cron, spec.time_zone.as_deref());
    let mut stored = workflow.status.iter().flat_map(|status| &status.schedules);
    let stored = stored.find(|stored| stored.name == spec.name).cloned();
    let last_at = stored.as_ref().and_then(|stored| stored.last_at.clone());
    let unchanged = stored.filter(|stored| stored.schedule_hash == schedule_hash);
    let last_evaluated_time = unchanged.map(|stored| stored.last_evaluated_time);
    // The fraction of a second is dropped, as in the stored time, so that the stored and the compared time
    // are equal.
    let start = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    ScheduleStatus {
        name: spec.name.clone(),
        schedule_hash,
        last_evaluated_time: last_evaluated_time.unwrap_or(start),
        last_at,
        next_at: None,
    }
}

/// Returns the run for a scheduled time, without its input. Its name is derived from the schedule and the time, so that a
/// repeated creation does not create a second run.
fn build_run(workflow: &Workflow, spec: &ScheduleSpec, at: Timestamp) -> WorkflowRun {
    let name = workflow.name_any();
    let run_name = run_name(workflow, &spec.name, at, 0);
    let trigger = RunTrigger { kind: TriggerKind::Schedule, by: None, parent: None };
    let run = WorkflowRunSpec {
        workflow_ref: WorkflowRef { name: name.clone() },
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

/// Returns the name of the run of a schedule at a time, if `taken` such names belong to runs of others.
pub(in crate::workflow) fn run_name(
    workflow: &Workflow,
    schedule: &str,
    at: Timestamp,
    taken: u32,
) -> String {
    let uid = workflow.uid().unwrap_or_default();
    names::scheduled_run(&workflow.name_any(), &uid, schedule, at.as_second(), taken)
}

/// Returns condition Scheduled, or `None` for a workflow without schedules.
pub(in crate::workflow) fn condition(
    workflow: &Workflow,
    plan: &SchedulePlan,
) -> Option<ConditionUpdate<'static>> {
    if workflow.spec.schedules.is_empty() {
        return None;
    }
    Some(ConditionUpdate {
        kind: conditions::SCHEDULED,
        status: if plan.suspended.is_none() { conditions::TRUE } else { conditions::FALSE },
        reason: plan.suspended.unwrap_or("Scheduled"),
        message: String::new(),
        generation: workflow.metadata.generation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
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

    fn planned(schedule: &str, status: &str, now: &str) -> SchedulePlan {
        let workflow = workflow(schedule, status);
        plan(&workflow, suspension_reason(&workflow, TenantState::Active, true), time(now))
    }

    const DAILY: &str = "cron: '0 2 * * *'";
    /// The status of the schedule [`DAILY`], last evaluated on 23 November.
    const KNOWN: &str =
        "schedules: [{name: nightly, scheduleHash: HASH, lastEvaluatedTime: '2026-11-23T02:00:00Z'}]";

    /// A new or changed schedule is evaluated from now on: it starts no run for a time that has passed.
    #[test]
    fn a_new_schedule_is_evaluated_from_now_on() {
        let new = planned(DAILY, "", "2026-11-24T02:05:00Z");
        assert!(new.runs.is_empty());
        assert_eq!(new.next_at, Some(time("2026-11-25T02:00:00Z")));
        let changed = planned(DAILY, &KNOWN.replace("HASH", "other"), "2026-11-24T02:05:00Z");
        assert!(
            changed.runs.is_empty(),
            "a schedule whose cron expression has changed is evaluated from now on"
        );
    }

    /// A scheduled time starts one run, even if the operator was killed before it recorded the run.
    #[test]
    fn a_scheduled_time_starts_one_run() {
        let due = planned(DAILY, KNOWN, "2026-11-24T02:00:01Z");
        let again = planned(DAILY, KNOWN, "2026-11-24T02:07:00Z");
        assert_eq!(due.runs, again.runs);
        assert_eq!(due.runs[0].scheduled_at, time("2026-11-24T02:00:00Z"));
        let written = KNOWN.replace("2026-11-23", "2026-11-24");
        assert!(planned(DAILY, &written, "2026-11-24T02:07:00Z").runs.is_empty());
        assert!(
            planned(DAILY, KNOWN, "2026-11-24T02:10:01Z").runs.is_empty(),
            "the starting deadline has passed"
        );
    }

    /// A suspended schedule starts no runs and has no next time.
    #[test]
    fn a_suspended_schedule_starts_no_runs() {
        let suspended = planned("cron: '0 2 * * *', suspend: true", KNOWN, "2026-11-24T02:00:01Z");
        assert_eq!(
            (suspended.runs.len(), suspended.next_at, suspended.suspended),
            (0, None, Some("Suspended"))
        );
        let workflow = workflow(DAILY, KNOWN);
        let reason = suspension_reason(&workflow, TenantState::Suspended, true);
        let plan = plan(&workflow, reason, time("2026-11-24T02:00:01Z"));
        assert_eq!((plan.runs.len(), plan.suspended), (0, Some("TenantNotActive")));
        assert_eq!(plan.schedules[0].last_evaluated_time.0, time("2026-11-23T02:00:00Z"));
    }
}
