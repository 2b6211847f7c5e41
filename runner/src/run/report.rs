//! What is written of a run, as JSON patches of its status.

use std::time::Duration;

use crds::{
    conditions::{self, ConditionUpdate, FALSE, RECONCILING, SUCCEEDED, TRUE},
    run::{OutputRef, RunEnding, RunPhase, StepStatus},
};
use domain::run::{Finish, Suspend, current};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde::Serialize;
use serde_json::{Value, json};

use crate::run::held::Held;

/// A run as it is to be written.
pub(super) struct Report<'r> {
    pub(super) held: &'r Held,
    /// Without the values that are stored elsewhere.
    pub(super) steps: &'r [StepStatus],
    pub(super) ending: Option<&'r RunEnding>,
    /// For how long it has waited for people and times.
    pub(super) waited: Duration,
}

/// How far the run is.
pub(super) fn progress(report: &Report<'_>) -> Vec<Value> {
    let mut patch = state(report, RunPhase::Running);
    patch.extend(wakes(report.held, None));
    patch.extend(step(report.held, current(report.steps)));
    patch
}

/// The run waits without a pod.
pub(super) fn suspend(report: &Report<'_>, suspend: &Suspend, now: Timestamp) -> Vec<Value> {
    let mut patch = state(report, RunPhase::Suspended);
    patch.extend(wakes(report.held, suspend.wake_at));
    if suspend.stops_clock {
        patch.push(set("suspendedAt", MicroTime(now)));
    }
    patch.extend(step(report.held, current(report.steps)));
    patch.push(remove("runner"));
    patch
}

/// The run's end.
pub(super) fn end(report: &Report<'_>, end: &End<'_>, now: Timestamp) -> Vec<Value> {
    let End { finish, stored } = end;
    let Finish { phase, output, error } = finish;
    let held = report.held;
    let mut patch = state(&Report { ending: None, ..*report }, *phase);
    patch.extend(wakes(held, None));
    patch.push(set("finishedAt", MicroTime(now)));
    patch.push(set("duration", duration(now.duration_since(held.started_at))));
    patch.push(set("conditions", end_conditions(held, finish, now)));
    let named = error.as_ref().and_then(|error| error.step.clone()).or_else(|| last(report.steps).cloned());
    patch.extend(step(held, named));
    match stored {
        Some(reference) => patch.push(set("outputRef", reference)),
        None => patch.extend(output.iter().map(|output| set("output", output))),
    }
    patch.extend(error.iter().map(|error| set("error", error)));
    patch
}

/// The end of a run, and where its output is if it is stored.
pub(super) struct End<'r> {
    pub(super) finish: &'r Finish,
    pub(super) stored: Option<&'r OutputRef>,
}

/// What every write tells.
fn state(report: &Report<'_>, phase: RunPhase) -> Vec<Value> {
    let Report { held, steps, ending, waited } = report;
    let mut patch = vec![version(held)];
    if held.phase != phase {
        patch.push(set("phase", phase));
    }
    patch.push(set("steps", steps));
    match ending {
        Some(ending) => patch.push(set("ending", ending)),
        None if held.ending.is_some() => patch.push(remove("ending")),
        None => {}
    }
    if held.suspended_at.is_some() {
        patch.extend([remove("suspendedAt"), set("waitedSeconds", waited.as_secs())]);
    }
    patch
}

fn wakes(held: &Held, at: Option<Timestamp>) -> Option<Value> {
    match at {
        Some(at) => Some(set("wakeAt", MicroTime(at))),
        None => held.names_wake.then(|| remove("wakeAt")),
    }
}

fn step(held: &Held, named: Option<String>) -> Option<Value> {
    match named {
        Some(step) => Some(set("step", step)),
        None => held.names_step.then(|| remove("step")),
    }
}

/// The step that ended last.
fn last(steps: &[StepStatus]) -> Option<&String> {
    let ended = steps.iter().filter_map(|step| Some((step.finished_at.as_ref()?.0, &step.name)));
    ended.max_by_key(|(at, _)| *at).map(|(_, name)| name)
}

/// Gives the run back, for another pod to go on.
pub(super) fn hand_back(report: &Report<'_>) -> Vec<Value> {
    let mut patch = progress(report);
    patch.push(remove("runner"));
    patch
}

fn end_conditions(held: &Held, finish: &Finish, now: Timestamp) -> Value {
    let mut all = held.conditions.clone();
    let generation = held.generation;
    let succeeded = finish.phase == RunPhase::Succeeded;
    let message = finish.error.as_ref().map(|error| match &error.step {
        Some(step) => format!("step {step}: {}: {}", error.code, error.message),
        None => format!("{}: {}", error.code, error.message),
    });
    let (status, reason) = if succeeded { (TRUE, "Succeeded") } else { (FALSE, finish.phase.as_str()) };
    let message = bounded(message.unwrap_or_default());
    conditions::set(
        &mut all,
        ConditionUpdate { kind: SUCCEEDED, status, reason, message, generation },
        Time(now),
    );
    let done = ConditionUpdate {
        kind: RECONCILING,
        status: FALSE,
        reason: "Finished",
        message: String::new(),
        generation,
    };
    conditions::set(&mut all, done, Time(now));
    json!(all)
}

/// A condition's message has at most 32 KiB; `status.error` has the whole one.
fn bounded(message: String) -> String {
    const MAX_CHARS: usize = 8 * 1024;
    match message.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}… (cut; see status.error)", message.get(..at).unwrap_or_default()),
        None => message,
    }
}

/// `1.2s`, `3m5s`, `2h0m5s`.
fn duration(taken: SignedDuration) -> String {
    let taken = Duration::try_from(taken).unwrap_or_default();
    let seconds = taken.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{:.1}s", taken.as_secs_f64()),
        (0, minutes) => format!("{minutes}m{}s", seconds % 60),
        (hours, minutes) => format!("{hours}h{minutes}m{}s", seconds % 60),
    }
}

/// The precondition: with any other version the API server refuses the patch.
fn version(held: &Held) -> Value {
    json!({"op": "replace", "path": "/metadata/resourceVersion", "value": held.resource_version})
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

    /// `kubectl get` shows no step of a run that succeeded.
    #[test]
    fn a_run_is_ended_by_the_step_that_ended_last() {
        let step = |name: &str, second: Option<i64>| StepStatus {
            name: name.to_owned(),
            finished_at: second.map(|second| MicroTime(Timestamp::from_second(second).unwrap())),
            ..StepStatus::default()
        };
        let steps =
            [step("parse", Some(1)), step("total", Some(3)), step("taxes", Some(2)), step("never", None)];
        assert_eq!(last(&steps).map(String::as_str), Some("total"));
        assert_eq!(last(&[]), None);
    }

    /// `kubectl get` shows a duration that nobody can read.
    #[test]
    fn durations_are_for_people() {
        let text = |seconds: f64| duration(SignedDuration::try_from_secs_f64(seconds).unwrap());
        assert_eq!([text(0.04), text(1.24), text(185.0), text(7205.9)], ["0.0s", "1.2s", "3m5s", "2h0m5s"]);
        assert_eq!(text(-1.0), "0.0s");
    }
}
