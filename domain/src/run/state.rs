//! Reading and changing the status of steps.

use std::time::Duration;

use crds::run::{RunEnding, StepError, StepPhase, StepStatus, WaitingFor};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::Place;

/// Where a run is: what of its status the engine reads and writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The workflow's steps, then its `onExit` steps; with all their values.
    pub steps: Vec<StepStatus>,
    /// How the steps ended, while the `onExit` steps run.
    pub ending: Option<RunEnding>,
}

impl State {
    /// Whether the attempt is under way: it has been begun, and its end is not recorded.
    #[must_use]
    pub fn is_running(&self, place: &Place, of_attempt: u32) -> bool {
        find(&self.steps, &place.step)
            .is_some_and(|step| step.phase == StepPhase::Running && attempt(step) == of_attempt)
    }

    /// Takes an attempt back that was recorded but never made: it is not counted.
    pub fn take_back(&mut self, place: &Place, of_attempt: u32) {
        if !self.is_running(place, of_attempt) {
            return;
        }
        for step in self.steps.iter_mut().filter(|step| step.name == place.step) {
            step.phase = StepPhase::Pending;
            step.attempt = of_attempt.checked_sub(1).filter(|before| *before > 0);
            if step.attempt.is_none() {
                step.started_at = None;
            }
        }
    }
}

/// The names of the sub-runs that are waited for.
#[must_use]
pub fn children(steps: &[StepStatus]) -> Vec<String> {
    let of_step = |step: &StepStatus| {
        let of_items =
            step.items.iter().flat_map(|items| &items.active).filter_map(|item| item.waiting.clone());
        step.waiting.clone().into_iter().chain(of_items).collect::<Vec<_>>()
    };
    let waiting = steps.iter().flat_map(of_step);
    waiting.filter(|waiting| waiting.reason == WaitingFor::Run).filter_map(|waiting| waiting.run).collect()
}

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
