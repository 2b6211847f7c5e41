//! Signals of the mirror to other tasks of the process.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Signals of the mirror: whether this replica is the leader, and when changes were stored.
#[derive(Clone, Debug)]
pub struct Signals {
    leading: watch::Receiver<bool>,
    stored: watch::Receiver<()>,
}

impl Signals {
    /// Waits until this replica is the leader, or is not, as `expected` says. Returns false if `stop` is cancelled before.
    pub async fn wait_until_leading(&mut self, expected: bool, stop: &CancellationToken) -> bool {
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            changed = self.leading.wait_for(|leads| *leads == expected) => changed.is_ok(),
        }
    }

    /// Waits until changes were stored since the last call. Never returns if the mirror has ended.
    pub async fn stored(&mut self) {
        if self.stored.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The sending side of [`Signals`].
#[derive(Clone, Debug)]
pub(super) struct Senders {
    leading: watch::Sender<bool>,
    stored: watch::Sender<()>,
}

impl Default for Senders {
    fn default() -> Self {
        Self { leading: watch::Sender::new(false), stored: watch::Sender::new(()) }
    }
}

impl Senders {
    /// Returns a receiver of the signals.
    pub(super) fn subscribe(&self) -> Signals {
        Signals { leading: self.leading.subscribe(), stored: self.stored.subscribe() }
    }

    /// Signals whether this replica is the leader.
    pub(super) fn set_leading(&self, leading: bool) {
        self.leading.send_replace(leading);
    }

    /// Signals that changes were stored.
    pub(super) fn notify_stored(&self) {
        self.stored.send_replace(());
    }
}
