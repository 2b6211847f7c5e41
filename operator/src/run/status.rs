//! Merge patches that the operator writes to the status of runs. Pure.

use crds::{
    WorkflowRun,
    conditions::{self, ConditionUpdate},
    run::{LostRunner, QueueStatus, RunPhase},
    workflow::RevisionRef,
};
use domain::run::display_duration;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use serde_json::{Value, json};

use super::{
    decide::End,
    observe::{RunnerPod, Snapshot},
};

/// Returns the patch for a queued run, or `None` if the status has the same reason and position already. A
/// changed message alone causes no write.
pub(super) fn queued(
    snapshot: &Snapshot,
    revision: Option<RevisionRef>,
    queue: &QueueStatus,
) -> Option<Value> {
    let status = snapshot.status();
    let same = |old: &QueueStatus| old.reason == queue.reason && old.position == queue.position;
    if status.queue.as_ref().is_some_and(same) && status.phase.is_some() {
        return None;
    }
    Some(json!({
        "observedGeneration": snapshot.run.metadata.generation,
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "revision": status.revision.or(revision),
        "queue": queue,
    }))
}

/// Returns the patch that assigns a run to a pod.
pub(super) fn assigned(
    snapshot: &Snapshot,
    pod: &RunnerPod,
    revision: &RevisionRef,
    now: Timestamp,
) -> Value {
    let status = snapshot.status();
    let started = status.started_at.clone().unwrap_or(MicroTime(now));
    json!({
        "observedGeneration": snapshot.run.metadata.generation,
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "queue": null,
        "revision": status.revision.as_ref().unwrap_or(revision),
        "startedAt": started,
        "runner": {"job": pod.job, "pod": pod.name, "podUid": pod.uid, "assignedAt": MicroTime(now)},
        "conditions": running_conditions(snapshot, now),
    })
}

/// Returns the patch that moves a run from a lost pod to the next Job. This write alone fences out the old pod.
pub(super) fn lost(snapshot: &Snapshot, job: &str, revision: &RevisionRef, lost: &LostRunner) -> Value {
    let status = snapshot.status();
    json!({
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "revision": status.revision.as_ref().unwrap_or(revision),
        "runner": {"job": job, "pod": null, "podUid": null, "assignedAt": null, "lost": lost},
    })
}

/// Returns the patch that ends a run.
pub(super) fn ended(run: &WorkflowRun, end: &End, now: Timestamp) -> Value {
    let mut status = run.status.clone().unwrap_or_default();
    let started = status.started_at.as_ref().map(|started| started.0);
    let End { phase, error } = end;
    let message = error.as_ref().map(|error| error.message.clone()).unwrap_or_default();
    let mut conditions = std::mem::take(&mut status.conditions);
    let generation = run.metadata.generation;
    let succeeded = ConditionUpdate {
        kind: conditions::SUCCEEDED,
        status: conditions::FALSE,
        reason: phase.as_str(),
        message,
        generation,
    };
    conditions::set(&mut conditions, succeeded, Time(now));
    conditions::set(&mut conditions, reconciling(run, conditions::FALSE, phase.as_str()), Time(now));
    json!({
        "observedGeneration": generation,
        "phase": phase,
        "queue": null,
        "wakeAt": null,
        "suspendedAt": null,
        "error": error,
        "finishedAt": MicroTime(now),
        "duration": started.map(|started| display_duration(now.duration_since(started))),
        "conditions": conditions,
    })
}

fn running_conditions(snapshot: &Snapshot, now: Timestamp) -> Vec<Condition> {
    let mut conditions = snapshot.status().conditions;
    let generation = snapshot.run.metadata.generation;
    let succeeded = ConditionUpdate {
        kind: conditions::SUCCEEDED,
        status: conditions::UNKNOWN,
        reason: "Running",
        message: String::new(),
        generation,
    };
    conditions::set(&mut conditions, succeeded, Time(now));
    conditions::set(&mut conditions, reconciling(&snapshot.run, conditions::TRUE, "Running"), Time(now));
    conditions
}

fn reconciling(run: &WorkflowRun, status: &'static str, reason: &'static str) -> ConditionUpdate<'static> {
    let generation = run.metadata.generation;
    ConditionUpdate { kind: conditions::RECONCILING, status, reason, message: String::new(), generation }
}
