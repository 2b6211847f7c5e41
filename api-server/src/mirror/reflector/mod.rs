//! The reflector of one kind: lists it, watches it from the list's resource version on, and lists it again
//! when the watch has missed changes.
//!
//! `kube::runtime::watcher` is not used: it does not expose the list's resource version, and can miss deletions.

mod list;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use kube::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error,
    apply::apply,
    change::Change,
    kube_api,
    memory::limited,
    metrics::Metrics,
    queue::{ObjectText, Queue, VersionText},
};
use crate::{
    db::MirrorPool,
    project::{Identity, Kind},
};

/// Time without any event after which a watch is considered dead. The API server ends a watch after 240 s; if
/// not even that arrives, the connection is lost without having been closed.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(270);
const MIN_RETRY_DELAY: Duration = Duration::from_millis(500);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// Lists and watches one kind of one cluster, and queues the changes for the writer.
pub(super) struct Reflector {
    pub kind: Kind,
    pub client: Client,
    /// UID of the cluster that the rows belong to.
    pub cluster: Uuid,
    pub pool: MirrorPool,
    pub queue: Queue,
    pub metrics: Metrics,
    /// Time without any event after which a watch is considered dead.
    pub idle_timeout: Duration,
    pub stop: CancellationToken,
}

impl Reflector {
    /// Lists the kind, retrying until that succeeds, and waits until the list is stored. Returns the resource
    /// version to watch from, or `None` if the mirror was stopped.
    pub(super) async fn list_until_stored(&self) -> Result<Option<i64>, Error> {
        let mut delays = retry_delays();
        loop {
            let listed = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                listed = self.list_known_cluster() => listed,
            };
            match listed {
                Ok(version) => return Ok(Some(version)),
                Err(error @ (Error::Halted | Error::Ended { .. })) => return Err(error),
                Err(error) => self.wait_to_retry(&error, &mut delays).await,
            }
        }
    }

    /// Watches from this resource version on, until the mirror is stopped.
    pub(super) async fn watch_from(self, mut version: i64) -> Result<(), Error> {
        let mut delays = retry_delays();
        while !self.stop.is_cancelled() {
            let watched = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                watched = self.watch(&mut version) => watched,
            };
            match watched {
                Ok(()) => delays = retry_delays(),
                Err(error @ Error::Ended { .. }) => return Err(error),
                Err(error) if error.is_expired() => {
                    let kind: &str = self.kind.into();
                    tracing::info!(kind, version, "the watch's resource version has expired; listing again");
                    let Some(listed) = self.list_until_stored().await? else { return Ok(()) };
                    version = listed;
                }
                Err(error) => self.wait_to_retry(&error, &mut delays).await,
            }
        }
        Ok(())
    }

    /// Lists the kind, unless the API server now belongs to another cluster: not even the start of its list
    /// may reach the writer.
    async fn list_known_cluster(&self) -> Result<i64, Error> {
        if kube_api::cluster_uid(&self.client).await? != self.cluster {
            return Err(Error::Halted);
        }
        self.list().await
    }

    /// Stores a change that concerns the kind.
    async fn store(&self, change: Change) -> Result<(), Error> {
        let applied = apply(&self.pool, Some(self.cluster), &[change]).await?;
        self.metrics.count_corrections(applied.corrections);
        Ok(())
    }

    /// Queues an object that was listed, added or modified. Returns its identity.
    async fn queue_object(&self, text: &str, read_up_to: Option<i64>) -> Result<Identity, Error> {
        let limited = limited(self.kind, text);
        let text = limited.text.into_owned();
        let version = VersionText::new(self.kind, text, limited.decoded_bytes, read_up_to)?;
        let identity = version.identity.clone();
        self.queue.push(ObjectText::Upserted(version)).await?;
        Ok(identity)
    }

    async fn wait_to_retry(&self, error: &Error, delays: &mut ExponentialBackoff) {
        let kind: &str = self.kind.into();
        tracing::warn!(kind, error = error.chain(), "listing or watching failed and is retried");
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(delays.next().unwrap_or(MAX_RETRY_DELAY)) => {}
        }
    }
}

fn retry_delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(MIN_RETRY_DELAY)
        .with_max_delay(MAX_RETRY_DELAY)
        .without_max_times()
        .with_jitter()
        .build()
}
