//! Leader election by a Lease. Only the leader reconciles, which saves requests; two active operators would
//! do no harm.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Time after its last renewal at which the Lease expires, in seconds. When the leader is killed, another operator
/// takes over after this time at the latest.
const LEASE_DURATION_SECONDS: u64 = 15;
/// Time before its expiry at which the leader renews the Lease, in seconds.
const RENEWAL_GRACE_SECONDS: u64 = 5;

/// Reason for which this process is not, or no longer, the leader.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The Lease could not be read or written.
    #[error("failed to take part in the election by Lease {lease}")]
    Lease {
        /// Name of the Lease.
        lease: String,
        /// Error of the lease manager.
        source: LeaseManagerError,
    },
    /// Another process holds the Lease.
    #[error("failed to keep the lease: another operator holds it")]
    Lost,
}

/// A Lease that this process holds. It is renewed in the background for as long as this value lives.
pub(crate) struct Leadership {
    is_leader: watch::Receiver<bool>,
    renewal: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

/// Waits until this process holds the Lease. Returns `None` if `stop` is cancelled before that.
///
/// # Errors
/// Returns an error if the Lease cannot be read or written.
pub(crate) async fn acquire(
    client: Client,
    config: &Config,
    stop: &CancellationToken,
) -> Result<Option<Leadership>, Error> {
    let manager = LeaseManagerBuilder::new(client, &config.lease_name)
        .with_namespace(&config.release_namespace)
        .with_identity(&config.pod_name)
        .with_duration(LEASE_DURATION_SECONDS)
        .with_grace(RENEWAL_GRACE_SECONDS)
        .build()
        .await
        .map_err(|source| Error::Lease { lease: config.lease_name.clone(), source })?;
    let (mut is_leader, renewal) = manager.watch().await;
    let acquired = tokio::select! {
        acquired = is_leader.wait_for(|is_leader| *is_leader) => acquired.is_ok(),
        () = stop.cancelled() => return Ok(None),
    };
    if acquired { Ok(Some(Leadership { is_leader, renewal })) } else { Err(Error::Lost) }
}

impl Leadership {
    /// Holds the Lease until `stop` is cancelled, then releases it so that the next operator can acquire it
    /// at once.
    ///
    /// # Errors
    /// Returns an error if the Lease is lost: the process must end, since another one is the leader now.
    pub(crate) async fn hold(mut self, stop: CancellationToken) -> Result<(), Error> {
        tokio::select! {
            _ = self.is_leader.wait_for(|is_leader| !*is_leader) => return Err(Error::Lost),
            () = stop.cancelled() => (),
        }
        drop(self.is_leader);
        // A Lease that cannot be released expires.
        if let Ok(Err(error)) = self.renewal.await {
            tracing::warn!(%error, "failed to release the lease");
        }
        Ok(())
    }
}
