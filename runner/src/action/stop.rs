//! Early end of an attempt: at its deadline or by cancellation.

use jiff::Timestamp;
use tokio::sync::watch;

/// Reason for which an attempt is stopped before it is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The deadline of the attempt has passed.
    Deadline,
    /// The run was cancelled, has reached its own deadline, or is no longer assigned to this pod.
    Cancelled,
}

/// Receiver that an attempt polls to learn that it must stop.
pub(crate) struct StopSignal {
    deadline: Timestamp,
    cancelled: watch::Receiver<bool>,
}

/// Sender that cancels one attempt. Dropping it cancels the attempt as well.
pub(crate) struct Canceller(watch::Sender<bool>);

/// Returns the two ends of the stop signal of one attempt.
pub(crate) fn stop_channel(deadline: Timestamp) -> (Canceller, StopSignal) {
    let (sender, cancelled) = watch::channel(false);
    (Canceller(sender), StopSignal { deadline, cancelled })
}

impl Canceller {
    pub(crate) fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Waits until the attempt must stop.
    pub(crate) async fn stopped(&mut self) -> StopReason {
        tokio::select! {
            // An error means that the canceller was dropped.
            _ = self.cancelled.wait_for(|cancelled| *cancelled) => StopReason::Cancelled,
            () = sleep_until_timestamp(self.deadline) => StopReason::Deadline,
        }
    }
}

/// Waits until this time of the clock.
pub(crate) async fn sleep_until_timestamp(deadline: Timestamp) {
    let left = deadline.duration_since(telemetry::clock::now());
    // A time in the past gives a negative duration, which does not convert.
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}
