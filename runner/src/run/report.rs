//! What is written of a run, as JSON patches of its status.

use std::time::Duration;

use crds::{
    conditions::{self, FALSE, Now, RECONCILING, SUCCEEDED, TRUE},
    run::{RunPhase, StepStatus},
};
use domain::run::{Finish, current};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde::Serialize;
use serde_json::{Value, json};

use crate::run::held::Held;

/// How far the run is.
pub(super) fn progress(held: &Held, steps: &[StepStatus]) -> Vec<Value> {
    let mut patch = vec![version(held)];
    if held.phase != RunPhase::Running {
        patch.push(set("phase", RunPhase::Running));
    }
    patch.push(set("steps", steps));
    match current(steps) {
        Some(step) => patch.push(set("step", step)),
        None if held.names_step => patch.push(remove("step")),
        None => {}
    }
    patch
}

/// The run's end.
pub(super) fn end(held: &Held, steps: &[StepStatus], finish: &Finish, now: Timestamp) -> Vec<Value> {
    let Finish { phase, output, error } = finish;
    let mut patch = vec![version(held), set("phase", phase), set("steps", steps)];
    patch.push(set("finishedAt", MicroTime(now)));
    patch.push(set("duration", duration(now.duration_since(held.started_at))));
    patch.push(set("conditions", end_conditions(held, finish, now)));
    match error.as_ref().and_then(|error| error.step.as_ref()).or_else(|| last(steps)) {
        Some(step) => patch.push(set("step", step)),
        None if held.names_step => patch.push(remove("step")),
        None => {}
    }
    patch.extend(output.iter().map(|output| set("output", output)));
    patch.extend(error.iter().map(|error| set("error", error)));
    patch
}

/// The step that ended last.
fn last(steps: &[StepStatus]) -> Option<&String> {
    let ended = steps.iter().filter_map(|step| Some((step.finished_at.as_ref()?.0, &step.name)));
    ended.max_by_key(|(at, _)| *at).map(|(_, name)| name)
}

/// The run is to be given to another pod.
pub(super) fn hand_back(held: &Held, steps: &[StepStatus]) -> Vec<Value> {
    let mut patch = progress(held, steps);
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
    conditions::set(&mut all, Now { kind: SUCCEEDED, status, reason, message, generation }, Time(now));
    let done =
        Now { kind: RECONCILING, status: FALSE, reason: "Finished", message: String::new(), generation };
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
