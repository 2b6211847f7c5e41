//! Evaluation of a schedule: the run that is due and the next time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Schedule;

/// Result of evaluating a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleEvaluation {
    /// Scheduled time of the run that is to start now, if one is due. Of several missed times only the last one runs.
    pub run_at: Option<Timestamp>,
    /// Next scheduled time after now.
    pub next_at: Option<Timestamp>,
}

/// Lengths of time in which the last scheduled time is searched for, in this order. The short ones come first, so that
/// few times are computed even for a schedule that runs every second.
const WINDOWS: [SignedDuration; 4] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(60 * 24),
];

/// Returns which of the times after `last_evaluated` is due. A time that was missed by more than the deadline is
/// never run.
#[must_use]
pub fn evaluate(
    schedule: &Schedule,
    last_evaluated: Timestamp,
    deadline: Duration,
    now: Timestamp,
) -> ScheduleEvaluation {
    let ago = |length: SignedDuration| now.checked_sub(length).unwrap_or(Timestamp::MIN);
    let deadline = SignedDuration::try_from(deadline).unwrap_or(SignedDuration::MAX);
    // A time that is exactly as late as allowed is in time.
    let earliest = ago(deadline).checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    let from = last_evaluated.max(earliest);
    let windows = WINDOWS.into_iter().map(ago).chain([from]).map(|begin| begin.max(from));
    let run_at = windows.into_iter().find_map(|begin| last_between(schedule, begin, now));
    ScheduleEvaluation { run_at, next_at: schedule.next(now) }
}

/// Returns the last scheduled time after `begin` and not after `end`.
fn last_between(schedule: &Schedule, begin: Timestamp, end: Timestamp) -> Option<Timestamp> {
    let next = |after: &Timestamp| schedule.next(*after).filter(|time| *time <= end);
    std::iter::successors(next(&begin), next).last()
}
