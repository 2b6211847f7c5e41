//! Whether a run that waits without a pod goes on.

use crds::{
    WorkflowRunStatus,
    run::{Waiting, WaitingFor},
};
use jiff::Timestamp;

use super::{Clock, Seen};

/// What is to be done with a run that waits without a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It waits: until this time, if nothing happens before.
    Until(Option<Timestamp>),
    /// It goes on, when a slot is free.
    Over,
    /// It goes on at once: it is to be ended, and that must not wait behind what runs.
    ToBeEnded,
}

/// Judges. A run that is called for nothing waits again, so what is not certain calls it.
pub(super) fn rest(seen: &Seen, status: &WorkflowRunStatus, clock: &Clock, now: Timestamp) -> Rest {
    if seen.cancel().is_some() && status.ending.is_none() {
        return Rest::ToBeEnded;
    }
    // While it waits for a person or a time its own time stands still.
    let due = if status.suspended_at.is_none() && status.ending.is_none() { clock.timeout } else { None };
    if due.is_some_and(|due| due <= now) {
        return Rest::ToBeEnded;
    }
    let wake_at = status.wake_at.as_ref().map(|time| time.0);
    if wake_at.is_some_and(|at| at <= now) || seen.sub_run_ended || is_decided(seen, status) {
        return Rest::Over;
    }
    Rest::Until(wake_at.into_iter().chain(due).min())
}

/// Whether a decision is there that a step, or an item of one, waits for.
fn is_decided(seen: &Seen, status: &WorkflowRunStatus) -> bool {
    let asked = |waiting: &Option<Waiting>| {
        waiting.as_ref().is_some_and(|waiting| waiting.reason == WaitingFor::Approval)
    };
    let decided = |key: &str| seen.run.spec.decisions.iter().any(|decision| decision.key == key);
    status.steps.iter().any(|step| {
        let active = step.items.iter().flat_map(|items| &items.active);
        let mut items = active.filter(|item| asked(&item.waiting));
        (asked(&step.waiting) && decided(&step.name))
            || items.any(|item| decided(&format!("{}/{}", step.name, item.index)))
    })
}
