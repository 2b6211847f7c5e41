//! Follows one kind: lists it, watches it from there, and lists again when the watch has missed something.
//!
//! (`kube::runtime::watcher` will not do: it keeps the list's version to itself, and can miss deletions.)

mod list;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use kube::Client;
use telemetry::ids;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, change::Change, kube_api};
use crate::project::Kind;

/// The API server ends a watch after 240 s. Where not even that comes, nothing does any more: a connection whose other
/// end has gone without a word looks like one on which nothing happens.
pub(super) const SILENCE: Duration = Duration::from_secs(270);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Follows one kind of one cluster.
pub(super) struct Follower {
    pub kind: Kind,
    pub client: Client,
    /// The cluster that the rows are of.
    pub cluster: Uuid,
    pub changes: mpsc::Sender<Change>,
    /// A watch that has told nothing for so long is dead.
    pub silence: Duration,
    pub stop: CancellationToken,
}

impl Follower {
    /// Lists the kind until that succeeds, and waits until it is stored. Gives the version to watch from; none if
    /// the mirror was stopped.
    pub(super) async fn sync(&self) -> Result<Option<i64>, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let listed = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                listed = self.list_same_cluster() => listed,
            };
            match listed {
                Ok(version) => return Ok(Some(version)),
                Err(error @ (Error::Halted | Error::Ended { .. })) => return Err(error),
                Err(error) => self.pause(&error, &mut pause).await,
            }
        }
    }

    /// Watches from a version on, until the mirror is stopped.
    pub(super) async fn run(self, mut version: i64) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            let watched = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                watched = self.watch(&mut version) => watched,
            };
            match watched {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error @ Error::Ended { .. }) => return Err(error),
                Err(error) if error.is_expired() => {
                    tracing::info!(kind = self.kind.as_str(), version, "the watch is too old, listing again");
                    let Some(listed) = self.sync().await? else { return Ok(()) };
                    version = listed;
                }
                Err(error) => self.pause(&error, &mut pause).await,
            }
        }
        Ok(())
    }

    /// A list of another cluster must not even begin.
    async fn list_same_cluster(&self) -> Result<i64, Error> {
        if kube_api::cluster_uid(&self.client).await? != self.cluster {
            return Err(Error::Halted);
        }
        self.list().await
    }

    async fn send(&self, change: Change) -> Result<(), Error> {
        self.changes.send(change).await.map_err(|_| Error::Ended { part: "writer" })
    }

    async fn pause(&self, error: &Error, pause: &mut Duration) {
        tracing::warn!(kind = self.kind.as_str(), error = error.chain(), "following goes on later");
        let jittered = pause.mul_f64(0.5 + ids::unit_random() / 2.0);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(jittered) => {}
        }
        *pause = LONGEST_PAUSE.min(*pause * 2);
    }
}
