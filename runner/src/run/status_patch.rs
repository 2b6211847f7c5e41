//! JSON patches of a run's status.

use std::time::Duration;

use crds::{
    conditions::{self, ConditionUpdate, FALSE, RECONCILING, SUCCEEDED, TRUE, UNKNOWN},
    run::{OutputRef, QueueReason, RunEnding, RunPhase, StepStatus},
};
use domain::run::{FinishRun, SuspendRun, active_step_names, display_duration, with_log_location};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use serde::Serialize;
use serde_json::{Value, json};

use crate::run::assigned_run::AssignedRun;

/// State of a run that is written to its status.
pub(super) struct RunReport<'r> {
    /// Version of the run that the patch applies to.
    pub(super) assigned: &'r AssignedRun,
    /// Time at which the first runner began to execute the run.
    pub(super) started_at: Timestamp,
    /// Input that the run executes with, if the status has to show it and does not yet.
    pub(super) input: Option<&'r Value>,
    /// Steps, without the values that are stored elsewhere.
    pub(super) steps: &'r [StepStatus],
    pub(super) ending: Option<&'r RunEnding>,
    /// Total time that the run has waited for decisions and times.
    pub(super) waited: Duration,
}

/// Returns the patch that records the progress of the run.
pub(super) fn progress(report: &RunReport<'_>, now: Timestamp) -> Vec<Value> {
    let mut patch = base_patch(report, RunPhase::Running);
    patch.extend(set_conditions(report.assigned, RunPhase::Running, now));
    patch.extend(set_wake_at(report.assigned, None));
    patch.extend(set_step(report.assigned, active_step_names(report.steps)));
    patch
}

/// Returns the patch that suspends the run and releases it from this pod.
pub(super) fn suspend(report: &RunReport<'_>, suspend: &SuspendRun, now: Timestamp) -> Vec<Value> {
    let mut patch = base_patch(report, RunPhase::Suspended);
    patch.extend(set_conditions(report.assigned, RunPhase::Suspended, now));
    patch.extend(set_wake_at(report.assigned, suspend.wake_at));
    if suspend.stops_clock {
        patch.push(set("suspendedAt", MicroTime(now)));
    }
    patch.extend(set_step(report.assigned, active_step_names(report.steps)));
    patch.push(remove("runner"));
    patch
}

/// Returns the patch that records the end of the run.
pub(super) fn finish(report: &RunReport<'_>, result: &RunResult<'_>, now: Timestamp) -> Vec<Value> {
    let RunResult { finish, stored } = result;
    let FinishRun { phase, output, error } = finish;
    let assigned = report.assigned;
    let mut patch = base_patch(&RunReport { ending: None, ..*report }, *phase);
    patch.extend(set_wake_at(assigned, None));
    patch.push(set("finishedAt", MicroTime(now)));
    patch.push(set("duration", display_duration(now.duration_since(report.started_at))));
    patch.push(set("conditions", final_conditions(assigned, finish, now)));
    let step =
        error.as_ref().and_then(|error| error.step.clone()).or_else(|| last_ended(report.steps).cloned());
    patch.extend(set_step(assigned, step));
    match stored {
        Some(reference) => patch.push(set("outputRef", reference)),
        None => patch.extend(output.iter().map(|output| set("output", output))),
    }
    patch.extend(error.iter().map(|error| set("error", error)));
    patch
}

/// Result of a run, with a reference to its output if that is stored.
pub(super) struct RunResult<'r> {
    pub(super) finish: &'r FinishRun,
    pub(super) stored: Option<&'r OutputRef>,
}

/// Returns the operations that every patch contains.
fn base_patch(report: &RunReport<'_>, phase: RunPhase) -> Vec<Value> {
    let RunReport { assigned, started_at, input, steps, ending, waited } = report;
    let mut patch = vec![replace_version(assigned)];
    if assigned.phase != phase {
        patch.push(set("phase", phase));
    }
    if assigned.started_at.is_none() {
        patch.push(set("startedAt", MicroTime(*started_at)));
    }
    if assigned.is_awaited {
        patch.push(remove("queue"));
    }
    patch.extend(input.map(|input| set("input", input)));
    patch.push(set("steps", steps));
    match ending {
        Some(ending) => patch.push(set("ending", ending)),
        None if assigned.ending.is_some() => patch.push(remove("ending")),
        None => {}
    }
    if assigned.suspended_at.is_some() {
        patch.extend([remove("suspendedAt"), set("waitedSeconds", waited.as_secs())]);
    }
    patch
}

/// Sets or removes `wakeAt`.
fn set_wake_at(assigned: &AssignedRun, at: Option<Timestamp>) -> Option<Value> {
    match at {
        Some(at) => Some(set("wakeAt", MicroTime(at))),
        None => assigned.has_wake_at.then(|| remove("wakeAt")),
    }
}

/// Sets or removes `step`.
fn set_step(assigned: &AssignedRun, step: Option<String>) -> Option<Value> {
    match step {
        Some(step) => Some(set("step", step)),
        None => assigned.has_step.then(|| remove("step")),
    }
}

/// Returns the name of the step that ended last.
fn last_ended(steps: &[StepStatus]) -> Option<&String> {
    let ended = steps.iter().filter_map(|step| Some((step.finished_at.as_ref()?.0, &step.name)));
    ended.max_by_key(|(at, _)| *at).map(|(_, name)| name)
}

/// Returns the patch that records the progress of the run and releases it, so that another pod continues it.
pub(super) fn hand_over(report: &RunReport<'_>, now: Timestamp) -> Vec<Value> {
    let mut patch = progress(report, now);
    patch.push(remove("runner"));
    patch
}

/// Sets the conditions of an unfinished run, unless they say already that it is in this phase.
fn set_conditions(assigned: &AssignedRun, phase: RunPhase, now: Timestamp) -> Option<Value> {
    let mut all = assigned.conditions.clone();
    let mut is_changed = false;
    for (kind, status) in [(SUCCEEDED, UNKNOWN), (RECONCILING, TRUE)] {
        let known = conditions::get(&all, kind);
        if known.is_some_and(|known| known.status == status && known.reason == phase.as_str()) {
            continue;
        }
        if phase == RunPhase::Running && !assigned.is_awaited && known.is_some_and(is_pod_problem) {
            continue;
        }
        let (reason, message, generation) = (phase.as_str(), String::new(), assigned.generation);
        is_changed |= conditions::set(
            &mut all,
            ConditionUpdate { kind, status, reason, message, generation },
            Time(now),
        );
    }
    is_changed.then(|| set("conditions", all))
}

/// Returns whether the operator has recorded in a condition what keeps the pod from starting one of its containers. It removes
/// that, too.
fn is_pod_problem(condition: &Condition) -> bool {
    condition.reason.parse().is_ok_and(QueueReason::is_blocked_pod)
}

/// Returns the conditions of a finished run.
fn final_conditions(assigned: &AssignedRun, finish: &FinishRun, now: Timestamp) -> Value {
    let mut all = assigned.conditions.clone();
    let generation = assigned.generation;
    let succeeded = finish.phase == RunPhase::Succeeded;
    let message = finish.error.as_ref().map(|error| match &error.step {
        Some(step) => format!("step {step}: {}: {}", error.code, error.message),
        None => format!("{}: {}", error.code, error.message),
    });
    let (status, reason) = if succeeded { (TRUE, "Succeeded") } else { (FALSE, finish.phase.as_str()) };
    let message = with_log_location(&bounded(message.unwrap_or_default()), &assigned.name);
    conditions::set(
        &mut all,
        ConditionUpdate { kind: SUCCEEDED, status, reason, message, generation },
        Time(now),
    );
    let reconciling = ConditionUpdate {
        kind: RECONCILING,
        status: FALSE,
        reason: "Finished",
        message: String::new(),
        generation,
    };
    conditions::set(&mut all, reconciling, Time(now));
    json!(all)
}

/// Shortens the message of a condition, which may have at most 32 KiB. `status.error` has the full message.
fn bounded(message: String) -> String {
    const MAX_CHARS: usize = 8 * 1024;
    match message.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}… (truncated; see status.error)", message.get(..at).unwrap_or_default()),
        None => message,
    }
}

/// Returns the precondition: the API server refuses the patch if the run has another version.
fn replace_version(assigned: &AssignedRun) -> Value {
    json!({"op": "replace", "path": "/metadata/resourceVersion", "value": assigned.resource_version})
}

fn set(field: &str, value: impl Serialize) -> Value {
    json!({"op": "add", "path": format!("/status/{field}"), "value": value})
}

fn remove(field: &str) -> Value {
    json!({"op": "remove", "path": format!("/status/{field}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of progress leaves the conditions as they are while the operator shows in them that an image cannot be pulled.
    #[test]
    fn a_report_of_progress_keeps_the_problem_of_the_pod() {
        let assigned = |queue: &str| {
            let conditions = [(SUCCEEDED, UNKNOWN), (RECONCILING, TRUE)].map(|(kind, status)| {
                json!({
                    "type": kind,
                    "status": status,
                    "reason": "ImagePullFailed",
                    "message": "not found",
                    "lastTransitionTime": "2026-11-24T10:00:00Z",
                })
            });
            let run = json!({
                "apiVersion": "smbcopilot.dev/v1alpha1",
                "kind": "WorkflowRun",
                "metadata": {"name": "r", "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-11-24T10:00:00Z"},
                "spec": {"workflowRef": {"name": "w"}},
                "status": {
                    "phase": "Running",
                    "queue": serde_json::from_str::<Value>(queue).unwrap(),
                    "revision": {"name": "w-1"},
                    "runner": {"podUid": "pod"},
                    "conditions": conditions,
                },
            });
            AssignedRun::parse(serde_json::from_value(run).unwrap(), "pod").unwrap()
        };
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(set_conditions(&assigned("null"), RunPhase::Running, now), None);
        let begins = assigned(r#"{"reason": "ImagePullFailed"}"#);
        for (assigned, phase) in [(assigned("null"), RunPhase::Suspended), (begins, RunPhase::Running)] {
            let patch = set_conditions(&assigned, phase, now).unwrap().to_string();
            assert!(patch.contains(phase.as_str()) && !patch.contains("ImagePullFailed"), "{patch}");
        }
    }

    /// `kubectl get` shows the step that ended last for a run that succeeded.
    #[test]
    fn the_last_step_is_the_one_that_ended_last() {
        let step = |name: &str, second: Option<i64>| StepStatus {
            name: name.to_owned(),
            finished_at: second.map(|second| MicroTime(Timestamp::from_second(second).unwrap())),
            ..StepStatus::default()
        };
        let steps =
            [step("parse", Some(1)), step("total", Some(3)), step("taxes", Some(2)), step("never", None)];
        assert_eq!(last_ended(&steps).map(String::as_str), Some("total"));
        assert_eq!(last_ended(&[]), None);
    }
}
