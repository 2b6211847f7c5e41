//! Whether a suspended run continues.

use crds::WorkflowRunStatus;
use jiff::Timestamp;

use super::{Deadlines, Snapshot};
use crate::waits;

/// State of a suspension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspension {
    /// The run waits, at most until this time.
    Until(Option<Timestamp>),
    /// The run continues as soon as a slot is free.
    Over,
    /// The run continues at once, since it has to be ended: that must not wait for a slot.
    MustEnd,
}

/// Returns the state of a run's suspension. A run that is resumed without need is suspended again by its runner, so in
/// doubt the run is resumed.
pub(super) fn suspension(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Suspension {
    if snapshot.cancel().is_some() && status.ending.is_none() {
        return Suspension::MustEnd;
    }
    // While the run waits for an approval or a timer, its timeout does not count.
    let timeout_counts = status.suspended_at.is_none() && status.ending.is_none();
    let timeout = if timeout_counts { deadlines.timeout } else { None };
    if timeout.is_some_and(|timeout| timeout <= now) {
        return Suspension::MustEnd;
    }
    let wake_at = status.wake_at.as_ref().map(|time| time.0);
    if wake_at.is_some_and(|at| at <= now) || snapshot.sub_run_ended || waits::is_decided(&snapshot.run) {
        return Suspension::Over;
    }
    Suspension::Until(wake_at.into_iter().chain(timeout).min())
}
