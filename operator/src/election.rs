//! One operator works at a time, for economy; two would do no harm.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How long a lease holds after its holder was last heard of, in seconds: a replacement of a killed
/// operator works after this at the latest.
const DURATION: u64 = 15;
/// How long before it ends the holder renews it, in seconds.
const GRACE: u64 = 5;

/// Why this process is not, or no longer, the one that works.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The Lease cannot be read or written.
    #[error("failed to take part in the election by Lease {lease}")]
    Lease {
        /// Its name.
        lease: String,
        /// What went wrong.
        source: LeaseManagerError,
    },
    /// Somebody else holds the lease now.
    #[error("failed to keep the lease: another operator holds it")]
    Lost,
}

/// A lease that is held, and renewed in the background for as long as this value lives.
pub(crate) struct Leadership {
    holds: watch::Receiver<bool>,
    renewal: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

/// Waits until this process holds the lease; `None` when it was asked to stop before.
///
/// # Errors
/// The Lease cannot be read or written.
pub(crate) async fn win(
    client: Client,
    config: &Config,
    stop: &CancellationToken,
) -> Result<Option<Leadership>, Error> {
    let manager = LeaseManagerBuilder::new(client, &config.lease_name)
        .with_namespace(&config.release_namespace)
        .with_identity(&config.pod_name)
        .with_duration(DURATION)
        .with_grace(GRACE)
        .build()
        .await
        .map_err(|source| Error::Lease { lease: config.lease_name.clone(), source })?;
    let (mut holds, renewal) = manager.watch().await;
    let won = tokio::select! {
        won = holds.wait_for(|holds| *holds) => won.is_ok(),
        () = stop.cancelled() => return Ok(None),
    };
    if won { Ok(Some(Leadership { holds, renewal })) } else { Err(Error::Lost) }
}

impl Leadership {
    /// Holds on until asked to stop, then gives the lease back so that the next operator need not wait.
    ///
    /// # Errors
    /// The lease is lost: the process must end, since another one works now.
    pub(crate) async fn keep(mut self, stop: CancellationToken) -> Result<(), Error> {
        tokio::select! {
            _ = self.holds.wait_for(|holds| !*holds) => return Err(Error::Lost),
            () = stop.cancelled() => (),
        }
        drop(self.holds);
        // A lease that cannot be given back ends by itself.
        if let Ok(Err(error)) = self.renewal.await {
            tracing::warn!(%error, "the lease was not given back");
        }
        Ok(())
    }
}
