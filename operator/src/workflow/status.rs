//! Status of a workflow. Pure.

use crds::{
    Workflow, WorkflowStatus,
    conditions::{self, ConditionUpdate},
    run::RunPhase,
    workflow::{Problem, WorkflowRunners, WorkflowState},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    check::Validity,
    schedules::{self, SchedulePlan},
};
use crate::events::NewEvent;

/// Conditions that the operator writes. Those of others are preserved.
const OWNED_CONDITIONS: [&str; 6] = [
    conditions::READY,
    conditions::RECONCILING,
    conditions::STALLED,
    conditions::VALID,
    conditions::SCHEDULED,
    conditions::LAST_RUN_SUCCEEDED,
];

/// Everything that the status is built from.
pub(super) struct Observed {
    pub(super) validity: Validity,
    pub(super) warnings: Vec<Problem>,
    pub(super) schedule: SchedulePlan,
    /// Policy for the runners that the workflow requests.
    pub(super) runners: Option<WorkflowRunners>,
}

impl Observed {
    /// Returns the observed state of a workflow whose namespace does not belong to a tenant.
    pub(super) fn without_tenant() -> Self {
        Self {
            validity: Validity::NoTenant,
            warnings: Vec::new(),
            schedule: SchedulePlan { suspended: Some("NoTenant"), ..SchedulePlan::default() },
            runners: None,
        }
    }
}

/// Returns the status to write and an Event about its transition, or `None` if the workflow has that status already.
pub(super) fn update(
    workflow: &Workflow,
    observed: Observed,
    now: Timestamp,
) -> Option<(WorkflowStatus, Option<NewEvent>)> {
    let old = owned_status(workflow);
    let new = build(workflow, observed, now);
    let event = transition_event(&old, &new);
    (old != new).then_some((new, event))
}

/// Returns the part of the stored status that the operator writes here.
fn owned_status(workflow: &Workflow) -> WorkflowStatus {
    let mut status = workflow.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| OWNED_CONDITIONS.contains(&condition.type_.as_str()));
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    WorkflowStatus { runs: None, last_run: None, ..status }
}

fn build(workflow: &Workflow, observed: Observed, now: Timestamp) -> WorkflowStatus {
    let Observed { validity, warnings, schedule, runners } = observed;
    let mut status = owned_status(workflow);
    status.observed_generation = workflow.metadata.generation;
    let mut updates = validity_conditions(workflow, &validity);
    updates.extend(last_run_condition(workflow));
    let scheduled = schedules::condition(workflow, &schedule);
    if scheduled.is_none() {
        status.conditions.retain(|condition| condition.type_ != conditions::SCHEDULED);
    }
    updates.extend(scheduled);
    status.schedule_summary = schedules::summary(workflow, &schedule);
    status.schedules = schedule.schedules;
    status.runners = runners;
    status.next_run_at = schedule.next_at.map(Time);
    for update in updates {
        conditions::set(&mut status.conditions, update, Time(now));
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    (status.revision, status.problems) = match validity {
        Validity::Valid(revision) => (Some(revision), Vec::new()),
        Validity::Invalid(problems) => (None, problems),
        Validity::NoTenant => (None, Vec::new()),
    };
    status.warnings = warnings;
    status
}

fn validity_conditions(workflow: &Workflow, validity: &Validity) -> Vec<ConditionUpdate<'static>> {
    let generation = workflow.metadata.generation;
    let condition = |kind, status, reason, message: &str| ConditionUpdate {
        kind,
        status,
        reason,
        message: message.to_owned(),
        generation,
    };
    let (is_true, is_false) = (conditions::TRUE, conditions::FALSE);
    match validity {
        Validity::Valid(_) => {
            let archived = workflow.spec.state == Some(WorkflowState::Archived);
            let reason = if archived { "Archived" } else { "Ready" };
            vec![
                condition(conditions::READY, is_true, reason, ""),
                condition(conditions::RECONCILING, is_false, reason, ""),
                condition(conditions::STALLED, is_false, reason, ""),
                condition(conditions::VALID, is_true, "Valid", "the workflow has no problems"),
            ]
        }
        Validity::Invalid(problems) => {
            let message = summary(problems);
            vec![
                condition(conditions::READY, is_false, "Invalid", &message),
                condition(conditions::RECONCILING, is_false, "Invalid", ""),
                condition(conditions::STALLED, is_true, "Invalid", &message),
                condition(conditions::VALID, is_false, "Invalid", &message),
            ]
        }
        Validity::NoTenant => {
            let message =
                "the namespace does not belong to a Tenant: create workflows in the namespace of a tenant";
            vec![
                condition(conditions::READY, is_false, "NoTenant", message),
                condition(conditions::RECONCILING, is_true, "NoTenant", ""),
                condition(conditions::STALLED, is_false, "NoTenant", ""),
                condition(conditions::VALID, conditions::UNKNOWN, "NoTenant", message),
            ]
        }
    }
}

/// Returns the number of problems and the first one. `status.problems` contains all of them.
fn summary(problems: &[Problem]) -> String {
    let first =
        problems.first().map(|first| format!("{}: {}", first.path, first.message)).unwrap_or_default();
    match problems.len() {
        0 | 1 => first,
        many => format!("{many} problems, the first is: {first}"),
    }
}

fn last_run_condition(workflow: &Workflow) -> Option<ConditionUpdate<'static>> {
    let last = workflow.status.as_ref()?.last_run.as_ref()?;
    let succeeded = last.phase == RunPhase::Succeeded;
    Some(ConditionUpdate {
        kind: conditions::LAST_RUN_SUCCEEDED,
        status: if succeeded { conditions::TRUE } else { conditions::FALSE },
        reason: last.phase.as_str(),
        // The name of the run is in `lastRun`. In the condition it would make every run a status write.
        message: String::new(),
        generation: workflow.metadata.generation,
    })
}

/// Returns an Event about a changed validity.
fn transition_event(old: &WorkflowStatus, new: &WorkflowStatus) -> Option<NewEvent> {
    let is_valid = |status: &WorkflowStatus| {
        conditions::get(&status.conditions, conditions::VALID).map(|valid| valid.status.clone())
    };
    if is_valid(old) == is_valid(new) && old.problems == new.problems {
        return None;
    }
    match new.problems.as_slice() {
        [] => new.revision.as_ref().map(|revision| {
            NewEvent::normal("Check", "Valid", format!("new runs execute revision {}", revision.name))
        }),
        problems => Some(NewEvent::warning("Check", "Invalid", summary(problems))),
    }
}

#[cfg(test)]
mod tests {
    use crds::workflow::RevisionRef;

    use super::*;

    fn problem(path: &str) -> Problem {
        Problem { path: path.to_owned(), code: "UnknownStep".to_owned(), message: "no such step".to_owned() }
    }

    fn observed(validity: Validity) -> Observed {
        Observed { validity, warnings: Vec::new(), schedule: SchedulePlan::default(), runners: None }
    }

    /// All problems are reported at once: in the status, and counted in the message of the condition.
    #[test]
    fn all_problems_are_reported_at_once() {
        let workflow = Workflow::new("intake", crds::WorkflowSpec::default());
        let validity = Validity::Invalid(vec![problem("spec.steps[0].when"), problem("spec.steps[1].with")]);
        let status = build(&workflow, observed(validity), Timestamp::UNIX_EPOCH);
        assert_eq!(status.problems.len(), 2);
        let valid = conditions::get(&status.conditions, conditions::VALID).unwrap();
        assert_eq!(valid.message, "2 problems, the first is: spec.steps[0].when: no such step");
    }

    /// A workflow stays ready when one of its runs fails.
    #[test]
    fn a_failed_run_does_not_make_its_workflow_unready() {
        let mut workflow = Workflow::new("intake", crds::WorkflowSpec::default());
        let last_run =
            crds::workflow::LastRun { name: "r1".to_owned(), phase: RunPhase::Failed, finished_at: None };
        workflow.status = Some(WorkflowStatus { last_run: Some(last_run), ..WorkflowStatus::default() });
        let validity = Validity::Valid(RevisionRef::default());
        let status = build(&workflow, observed(validity), Timestamp::UNIX_EPOCH);
        assert!(conditions::is_true(&status.conditions, conditions::READY));
        assert!(!conditions::is_true(&status.conditions, conditions::LAST_RUN_SUCCEEDED));
    }
}
