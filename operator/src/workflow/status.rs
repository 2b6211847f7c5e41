//! What is seen of a workflow.

use crds::{
    Workflow, WorkflowStatus,
    conditions::{self, ConditionUpdate},
    run::RunPhase,
    workflow::{Problem, RevisionRef, WorkflowRunners, WorkflowState},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource as _, ResourceExt as _};

use super::schedules::{self, Scheduled};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    events::Note,
};

const OURS: [&str; 6] = [
    conditions::READY,
    conditions::RECONCILING,
    conditions::STALLED,
    conditions::VALID,
    conditions::SCHEDULED,
    conditions::LAST_RUN_SUCCEEDED,
];

/// All that was found.
pub(super) struct Found {
    pub(super) seen: Seen,
    pub(super) scheduled: Scheduled,
    /// What the plan grants of the runners that it asks for.
    pub(super) runners: Option<WorkflowRunners>,
}

/// Whether it can run.
pub(super) enum Seen {
    /// It can run, as this revision.
    Valid(RevisionRef),
    /// It cannot, for all these reasons.
    Invalid(Vec<Problem>),
    /// Its namespace is no tenant's (yet).
    NoTenant,
}

/// Writes the status if it says something new, and tells of transitions.
///
/// # Errors
/// The API server refuses it.
pub(super) async fn write(ctx: &Context, workflow: &Workflow, found: Found) -> Result<(), Error> {
    let old = ours_of(workflow);
    let new = build(workflow, found, telemetry::clock::now());
    if old == new {
        return Ok(());
    }
    let api = within::<Workflow>(&ctx.client, &workflow.namespace().unwrap_or_default());
    let status =
        serde_json::to_value(&new).map_err(|source| Error::Encode { what: "a workflow's status", source })?;
    api::apply_status(&api, &workflow.name_any(), status).await?;
    if let Some(note) = transition(&old, &new) {
        ctx.events.tell(&workflow.object_ref(&()), note).await;
    }
    Ok(())
}

/// The part of the stored status that is written here.
fn ours_of(workflow: &Workflow) -> WorkflowStatus {
    let mut status = workflow.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| OURS.contains(&condition.type_.as_str()));
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    WorkflowStatus { runs: None, last_run: None, ..status }
}

fn build(workflow: &Workflow, found: Found, now: Timestamp) -> WorkflowStatus {
    let Found { seen, scheduled, runners } = found;
    let mut status = ours_of(workflow);
    status.observed_generation = workflow.metadata.generation;
    let mut said = conditions_of(workflow, &seen);
    said.extend(last_run(workflow));
    let schedule = schedules::condition(workflow, &scheduled);
    if schedule.is_none() {
        status.conditions.retain(|condition| condition.type_ != conditions::SCHEDULED);
    }
    said.extend(schedule);
    status.schedules = scheduled.schedules;
    status.runners = runners;
    status.next_run_at = scheduled.next_at.map(Time);
    for condition in said {
        conditions::set(&mut status.conditions, condition, Time(now));
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    (status.revision, status.problems) = match seen {
        Seen::Valid(revision) => (Some(revision), Vec::new()),
        Seen::Invalid(problems) => (None, problems),
        Seen::NoTenant => (None, Vec::new()),
    };
    status
}

fn conditions_of(workflow: &Workflow, seen: &Seen) -> Vec<ConditionUpdate<'static>> {
    let generation = workflow.metadata.generation;
    let now = |kind, status, reason, message: &str| ConditionUpdate {
        kind,
        status,
        reason,
        message: message.to_owned(),
        generation,
    };
    let (yes, no) = (conditions::TRUE, conditions::FALSE);
    match seen {
        Seen::Valid(_) => {
            let archived = workflow.spec.state == Some(WorkflowState::Archived);
            let reason = if archived { "Archived" } else { "Ready" };
            vec![
                now(conditions::READY, yes, reason, ""),
                now(conditions::RECONCILING, no, reason, ""),
                now(conditions::STALLED, no, reason, ""),
                now(conditions::VALID, yes, "Valid", "no problem was found"),
            ]
        }
        Seen::Invalid(problems) => {
            let message = summary(problems);
            vec![
                now(conditions::READY, no, "Invalid", &message),
                now(conditions::RECONCILING, no, "Invalid", ""),
                now(conditions::STALLED, yes, "Invalid", &message),
                now(conditions::VALID, no, "Invalid", &message),
            ]
        }
        Seen::NoTenant => {
            let message = "the namespace belongs to no Tenant: workflows live in the namespaces of tenants";
            vec![
                now(conditions::READY, no, "NoTenant", message),
                now(conditions::RECONCILING, yes, "NoTenant", ""),
                now(conditions::STALLED, no, "NoTenant", ""),
            ]
        }
    }
}

/// How many problems, and the first; `status.problems` has them all.
fn summary(problems: &[Problem]) -> String {
    let first =
        problems.first().map(|first| format!("{}: {}", first.path, first.message)).unwrap_or_default();
    match problems.len() {
        0 | 1 => first,
        many => format!("{many} problems, the first: {first}"),
    }
}

fn last_run(workflow: &Workflow) -> Option<ConditionUpdate<'static>> {
    let last = workflow.status.as_ref()?.last_run.as_ref()?;
    let well = last.phase == RunPhase::Succeeded;
    Some(ConditionUpdate {
        kind: conditions::LAST_RUN_SUCCEEDED,
        status: if well { conditions::TRUE } else { conditions::FALSE },
        reason: last.phase.as_str(),
        // Which run it was is in `lastRun`; here it would make every run a write.
        message: String::new(),
        generation: workflow.metadata.generation,
    })
}

fn transition(old: &WorkflowStatus, new: &WorkflowStatus) -> Option<Note> {
    let is_valid = |status: &WorkflowStatus| {
        conditions::get(&status.conditions, conditions::VALID).map(|valid| valid.status.clone())
    };
    if is_valid(old) == is_valid(new) && old.problems == new.problems {
        return None;
    }
    match new.problems.as_slice() {
        [] => new.revision.as_ref().map(|revision| {
            Note::normal("Check", "Valid", format!("new runs get revision {}", revision.name))
        }),
        problems => Some(Note::warning("Check", "Invalid", summary(problems))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &str) -> Problem {
        Problem { path: path.to_owned(), code: "UnknownStep".to_owned(), message: "no such step".to_owned() }
    }

    fn found(seen: Seen) -> Found {
        Found { seen, scheduled: Scheduled::default(), runners: None }
    }

    /// A person fixes one problem at a time, and applies the workflow five times.
    #[test]
    fn all_problems_are_in_the_status_and_counted_in_the_message() {
        let workflow = Workflow::new("intake", crds::WorkflowSpec::default());
        let seen = Seen::Invalid(vec![problem("spec.steps[0].when"), problem("spec.steps[1].with")]);
        let status = build(&workflow, found(seen), Timestamp::UNIX_EPOCH);
        assert_eq!(status.problems.len(), 2);
        let valid = conditions::get(&status.conditions, conditions::VALID).unwrap();
        assert_eq!(valid.message, "2 problems, the first: spec.steps[0].when: no such step");
    }

    /// A run that fails makes its workflow look broken.
    #[test]
    fn a_workflow_stays_ready_when_a_run_of_it_fails() {
        let mut workflow = Workflow::new("intake", crds::WorkflowSpec::default());
        let last_run =
            crds::workflow::LastRun { name: "r1".to_owned(), phase: RunPhase::Failed, finished_at: None };
        workflow.status = Some(WorkflowStatus { last_run: Some(last_run), ..WorkflowStatus::default() });
        let seen = Seen::Valid(RevisionRef::default());
        let status = build(&workflow, found(seen), Timestamp::UNIX_EPOCH);
        assert!(conditions::is_true(&status.conditions, conditions::READY));
        assert!(!conditions::is_true(&status.conditions, conditions::LAST_RUN_SUCCEEDED));
    }
}
