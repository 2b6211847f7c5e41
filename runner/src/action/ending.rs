//! How a running step is told to end before it is done.

use jiff::Timestamp;
use tokio::sync::watch;

/// Why a step is to end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its time is up.
    Deadline,
    /// The run is cancelled, or its own time is up, or it is held elsewhere.
    Cancel,
}

/// The step's side.
pub(crate) struct Ending {
    deadline: Timestamp,
    cancelled: watch::Receiver<bool>,
}

/// The run's side. Dropping it cancels as well.
pub(crate) struct Canceller(watch::Sender<bool>);

/// A pair for one step.
pub(crate) fn ending(deadline: Timestamp) -> (Canceller, Ending) {
    let (sender, cancelled) = watch::channel(false);
    (Canceller(sender), Ending { deadline, cancelled })
}

impl Canceller {
    pub(crate) fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Ending {
    /// Returns when the step is to end; may never.
    pub(crate) async fn asked(&mut self) -> End {
        tokio::select! {
            // An error means that nobody holds the other side.
            _ = self.cancelled.wait_for(|cancelled| *cancelled) => End::Cancel,
            () = passed(self.deadline) => End::Deadline,
        }
    }
}

/// Waits for a time by the clock.
pub(crate) async fn passed(deadline: Timestamp) {
    let left = deadline.duration_since(telemetry::clock::now());
    // A time that has passed already is a negative duration.
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}
