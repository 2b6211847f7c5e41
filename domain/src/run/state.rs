//! Reading and changing the status of steps.

use std::time::Duration;

use crds::run::{StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

/// A step's error.
#[must_use]
pub fn error(kind: ErrorKind, code: &str, message: impl Into<String>) -> StepError {
    StepError { kind, code: code.to_owned(), message: message.into(), details: None }
}

/// The names of the steps that run, or wait for their next attempt: `status.step`, for people.
#[must_use]
pub fn current(steps: &[StepStatus]) -> Option<String> {
    let waiting = |step: &&StepStatus| step.phase == StepPhase::Running || step.next_at.is_some();
    let names: Vec<&str> = steps.iter().filter(waiting).map(|step| step.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// The time after a duration; the end of time where that is beyond it.
pub(super) fn after(from: Timestamp, duration: Duration) -> Timestamp {
    from.checked_add(duration).unwrap_or(Timestamp::MAX)
}

pub(super) fn find<'a>(steps: &'a [StepStatus], name: &str) -> Option<&'a StepStatus> {
    steps.iter().find(|step| step.name == name)
}

/// The attempt that runs or ran last; 0 = none.
pub(super) fn attempt(step: &StepStatus) -> u32 {
    step.attempt.unwrap_or(0)
}

/// Ends a step.
pub(super) fn end(step: &mut StepStatus, phase: StepPhase, now: Timestamp) {
    step.phase = phase;
    step.finished_at = Some(now.into());
    step.next_at = None;
}
