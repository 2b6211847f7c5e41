//! Merge patches that the operator writes to the status of runs. Pure.

use crds::{
    WorkflowRun,
    conditions::{self, ConditionUpdate},
    run::{LostRunner, QueueReason, QueueStatus, RunPhase},
    workflow::RevisionRef,
};
use domain::run::{display_duration, with_log_location};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{
    decide::End,
    observe::{RunnerPod, Snapshot},
};

/// Returns a patch that also records the trigger of the run, unless it is recorded. `kubectl get` shows it from there.
pub(super) fn with_trigger(run: &WorkflowRun, mut patch: Value) -> Value {
    let is_recorded = run.status.as_ref().is_some_and(|status| status.trigger.is_some());
    if let Some(fields) = patch.as_object_mut().filter(|_| !is_recorded) {
        let kind = run.spec.trigger.as_ref().map(|trigger| trigger.kind).unwrap_or_default();
        fields.insert("trigger".to_owned(), json!(kind));
    }
    patch
}

/// Returns the patch that records why a run waits, or `None` if the status says so already. A message that differs in words with
/// digits only causes no write: schedulers and quotas count.
pub(super) fn queued(
    snapshot: &Snapshot,
    revision: Option<RevisionRef>,
    queue: &QueueStatus,
    now: Timestamp,
) -> Option<Value> {
    let status = snapshot.status();
    if status.queue.as_ref().is_some_and(|old| is_same_wait(old, queue)) && status.phase.is_some() {
        return None;
    }
    Some(json!({
        "observedGeneration": snapshot.run.metadata.generation,
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "revision": status.revision.or(revision),
        "queue": full(queue),
        "conditions": unfinished_conditions(snapshot, queue, now),
    }))
}

fn is_same_wait(old: &QueueStatus, new: &QueueStatus) -> bool {
    fn words(message: &str) -> impl Iterator<Item = &str> {
        message.split_whitespace().filter(|word| !word.contains(|character: char| character.is_ascii_digit()))
    }
    old.reason == new.reason
        && old.position == new.position
        && (old.position.is_some() || words(&old.message).eq(words(&new.message)))
}

/// Returns the patch that records in the conditions what keeps the pod of an executed run from starting one of its containers,
/// or that nothing does any more. Returns `None` if they say so already.
pub(super) fn pod_problem(
    snapshot: &Snapshot,
    problem: Option<&QueueStatus>,
    now: Timestamp,
) -> Option<Value> {
    let status = snapshot.status();
    let known = conditions::get(&status.conditions, conditions::RECONCILING)?;
    let recorded =
        QueueStatus { position: None, reason: known.reason.clone(), message: known.message.clone() };
    let is_recorded = match problem {
        Some(problem) => is_same_wait(&recorded, problem),
        None => !recorded.is_blocked_pod(),
    };
    if is_recorded {
        return None;
    }
    let executed = QueueStatus {
        reason: status.phase.unwrap_or_default().as_str().to_owned(),
        ..QueueStatus::default()
    };
    Some(json!({"conditions": unfinished_conditions(snapshot, problem.unwrap_or(&executed), now)}))
}

/// Returns the patch that assigns a run to a pod. The first write of the pod's runner removes `queue` and sets `startedAt`.
pub(super) fn assigned(
    snapshot: &Snapshot,
    pod: &RunnerPod,
    revision: &RevisionRef,
    now: Timestamp,
) -> Value {
    let status = snapshot.status();
    json!({
        "observedGeneration": snapshot.run.metadata.generation,
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "queue": full(&pod.wait),
        "revision": status.revision.as_ref().unwrap_or(revision),
        "runner": {"job": pod.job, "pod": pod.name, "podUid": pod.uid, "assignedAt": MicroTime(now)},
        "conditions": unfinished_conditions(snapshot, &pod.wait, now),
    })
}

/// Returns a queue status with all of its fields, so that a patch with it removes the position that the run had before.
fn full(queue: &QueueStatus) -> Value {
    let QueueStatus { position, reason, message } = queue;
    json!({"position": position, "reason": reason, "message": message})
}

/// Returns the patch that moves a run from a lost pod to the next Job. This write alone fences out the old pod.
pub(super) fn lost(
    snapshot: &Snapshot,
    job: &str,
    revision: &RevisionRef,
    lost: &LostRunner,
    now: Timestamp,
) -> Value {
    let status = snapshot.status();
    let reason = lost.reason.as_deref().unwrap_or_default();
    let message = format!("the pod of the run was lost ({reason}); another pod is being created");
    let queue = QueueStatus::new(QueueReason::PodLost, message);
    json!({
        "phase": status.phase.unwrap_or(RunPhase::Queued),
        "queue": full(&queue),
        "conditions": unfinished_conditions(snapshot, &queue, now),
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
    // A run that no pod executed has no log.
    let message = match started {
        Some(_) => with_log_location(&message, &run.name_any()),
        None => message,
    };
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
    let reconciling = ConditionUpdate {
        kind: conditions::RECONCILING,
        status: conditions::FALSE,
        reason: phase.as_str(),
        message: String::new(),
        generation,
    };
    conditions::set(&mut conditions, reconciling, Time(now));
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

/// Returns the conditions of an unfinished run: both give a reason and a message, for a run that waits those of `status.queue`.
fn unfinished_conditions(snapshot: &Snapshot, queue: &QueueStatus, now: Timestamp) -> Vec<Condition> {
    let mut conditions = snapshot.status().conditions;
    for (kind, status) in
        [(conditions::SUCCEEDED, conditions::UNKNOWN), (conditions::RECONCILING, conditions::TRUE)]
    {
        let update = ConditionUpdate {
            kind,
            status,
            reason: &queue.reason,
            message: queue.message.clone(),
            generation: snapshot.run.metadata.generation,
        };
        conditions::set(&mut conditions, update, Time(now));
    }
    conditions
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// The conditions of a run that a runner executes show the problem of its pod once, and not any more once it is solved.
    #[test]
    fn the_problem_of_a_pod_is_in_the_conditions() {
        let written = |reason: &str, problem: Option<&QueueStatus>| {
            let run = json!({
                "apiVersion": "smbcopilot.dev/v1alpha1",
                "kind": "WorkflowRun",
                "metadata": {"name": "order-7", "generation": 1},
                "spec": {"workflowRef": {"name": "intake"}},
                "status": {"phase": "Running", "conditions": [{
                    "type": conditions::RECONCILING,
                    "status": conditions::TRUE,
                    "reason": reason,
                    "message": "image x",
                    "lastTransitionTime": "2026-11-24T10:00:00Z",
                }]},
            });
            let snapshot = Snapshot {
                run: Arc::new(serde_json::from_value(run).unwrap()),
                namespace: "bakery".to_owned(),
                name: "order-7".to_owned(),
                uid: "run-uid".to_owned(),
                tenant: None,
                is_tenant_unknown: false,
                pods: Vec::new(),
                newest_attempt: None,
                holds_slot: true,
                revision: None,
                is_orphan: false,
                sub_run_ended: false,
            };
            let patch = pod_problem(&snapshot, problem, Timestamp::UNIX_EPOCH)?;
            let shown = |kind: &str| {
                let mut conditions = patch["conditions"].as_array().unwrap().iter();
                let condition = conditions.find(|condition| condition["type"] == kind).unwrap();
                format!("{} {} {}", condition["status"], condition["reason"], condition["message"])
                    .replace('"', "")
            };
            Some([shown(conditions::RECONCILING), shown(conditions::SUCCEEDED)])
        };
        let problem = QueueStatus::new(QueueReason::ImagePullFailed, "image x");
        let shown = ["True ImagePullFailed image x", "Unknown ImagePullFailed image x"].map(str::to_owned);
        assert_eq!(written("Running", Some(&problem)), Some(shown));
        assert_eq!(written("ImagePullFailed", Some(&problem)), None);
        let solved = ["True Running ", "Unknown Running "].map(str::to_owned);
        assert_eq!(written("ImagePullFailed", None), Some(solved));
        assert_eq!(written("Running", None), None);
    }

    fn is_same(old: &str, new: &str) -> bool {
        let queue = |message| QueueStatus::new(QueueReason::PodUnschedulable, message);
        is_same_wait(&queue(old), &queue(new))
    }

    /// A message is written again if its words change, and not if only its numbers do.
    #[test]
    fn a_message_whose_numbers_change_is_not_written_again() {
        let old = "0/3 nodes are available: 3 Insufficient cpu.";
        assert!(is_same(old, "0/4 nodes are available: 4 Insufficient cpu."));
        assert!(is_same("used: requests.cpu=1900m", "used: requests.cpu=2"));
        assert!(!is_same(old, "0/3 nodes are available: 3 Insufficient memory."));
        let other = QueueStatus::new(QueueReason::PodStarting, old);
        assert!(!is_same_wait(&QueueStatus::new(QueueReason::PodUnschedulable, old), &other));
        let queued = |position| QueueStatus { position: Some(position), ..other.clone() };
        assert!(is_same_wait(&queued(1), &queued(1)) && !is_same_wait(&queued(2), &queued(1)));
    }
}
