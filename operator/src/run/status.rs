//! What the operator writes on a run, as merge patches. Pure.

use crds::{
    WorkflowRun,
    conditions::{self, ConditionUpdate},
    run::{LostRunner, QueueStatus, RunPhase},
    workflow::RevisionRef,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use serde_json::{Value, json};

use super::{
    decide::End,
    see::{RunnerPod, Seen},
};

/// It waits: why, and where; none when that is written already (its position alone is not worth a write).
pub(super) fn waits(seen: &Seen, revision: Option<RevisionRef>, queue: &QueueStatus) -> Option<Value> {
    let status = seen.status();
    let same = |old: &QueueStatus| old.reason == queue.reason && old.position == queue.position;
    if status.queue.as_ref().is_some_and(same) && status.phase.is_some() {
        return None;
    }
    Some(json!({
        "observedGeneration": seen.run.metadata.generation,
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "revision": status.revision.or(revision),
        "queue": queue,
    }))
}

/// A pod takes it.
pub(super) fn assigned(seen: &Seen, pod: &RunnerPod, revision: &RevisionRef, now: Timestamp) -> Value {
    let status = seen.status();
    let started = status.started_at.clone().unwrap_or(MicroTime(now));
    json!({
        "observedGeneration": seen.run.metadata.generation,
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "queue": null,
        "revision": status.revision.as_ref().unwrap_or(revision),
        "startedAt": started,
        "runner": {"job": pod.job, "pod": pod.name, "podUid": pod.uid, "assignedAt": MicroTime(now)},
        "conditions": working(seen, now),
    })
}

/// Its pod is lost, and it goes to the next Job. This write alone fences the old pod out.
pub(super) fn lost(seen: &Seen, job: &str, revision: &RevisionRef, lost: &LostRunner) -> Value {
    let status = seen.status();
    json!({
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "revision": status.revision.as_ref().unwrap_or(revision),
        "runner": {"job": job, "pod": null, "podUid": null, "assignedAt": null, "lost": lost},
    })
}

/// It has ended, and the operator says so.
pub(super) fn ended(run: &WorkflowRun, end: &End, now: Timestamp) -> Value {
    let mut status = run.status.clone().unwrap_or_default();
    let began = status.started_at.as_ref().map(|started| started.0);
    let End { phase, error } = end;
    let message = error.as_ref().map(|error| error.message.clone()).unwrap_or_default();
    let mut all = std::mem::take(&mut status.conditions);
    let generation = run.metadata.generation;
    let succeeded = ConditionUpdate {
        kind: conditions::SUCCEEDED,
        status: conditions::FALSE,
        reason: phase.as_str(),
        message,
        generation,
    };
    conditions::set(&mut all, succeeded, Time(now));
    conditions::set(&mut all, reconciling(run, conditions::FALSE, phase.as_str()), Time(now));
    json!({
        "observedGeneration": generation,
        "phase": phase,
        "queue": null,
        "wakeAt": null,
        "suspendedAt": null,
        "error": error,
        "finishedAt": MicroTime(now),
        "duration": began.map(|began| seconds(now.duration_since(began))),
        "conditions": all,
    })
}

fn working(seen: &Seen, now: Timestamp) -> Vec<Condition> {
    let mut all = seen.status().conditions;
    let generation = seen.run.metadata.generation;
    let succeeded = ConditionUpdate {
        kind: conditions::SUCCEEDED,
        status: conditions::UNKNOWN,
        reason: "Running",
        message: String::new(),
        generation,
    };
    conditions::set(&mut all, succeeded, Time(now));
    conditions::set(&mut all, reconciling(&seen.run, conditions::TRUE, "Running"), Time(now));
    all
}

fn reconciling(run: &WorkflowRun, status: &'static str, reason: &'static str) -> ConditionUpdate<'static> {
    let generation = run.metadata.generation;
    ConditionUpdate { kind: conditions::RECONCILING, status, reason, message: String::new(), generation }
}

/// A length of time for people: `1.2s`.
fn seconds(length: SignedDuration) -> String {
    format!("{:.1}s", length.as_secs_f64())
}
