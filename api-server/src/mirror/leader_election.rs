//! Leader election over a Lease: one replica mirrors at a time. The lease only avoids double work; two
//! replicas that mirror at the same time do no harm.

use std::time::Duration;

use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Error, leadership::Leadership};

/// Time in seconds after which the lease of a replica that died expires.
const LEASE_SECONDS: u64 = 15;
/// Time in seconds before the expiry at which the leader renews the lease.
const RENEW_SECONDS: u64 = 5;
/// Timeout of releasing the lease at shutdown. If the API server cannot be reached then, the lease expires by
/// itself.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);
/// Delay between attempts while the API server cannot be reached.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Options of the leader election for this replica.
#[derive(Clone, Debug)]
pub struct Options {
    /// Identity of this replica in the lease.
    pub identity: String,
    /// Name of the lease.
    pub lease_name: String,
    /// Namespace of the lease. Default: the namespace of the client.
    pub lease_namespace: Option<String>,
}

/// Takes part in the election and mirrors whenever this replica is the leader, until `stop` is cancelled; then
/// releases the lease.
pub(super) async fn run(leadership: &Leadership, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let lease = tokio::select! {
            () = stop.cancelled() => return,
            lease = lease_manager(leadership) => lease,
        };
        match lease {
            Ok(manager) => take_part(manager, leadership, stop).await,
            Err(error) => {
                tracing::warn!(error = error.chain(), "the lease cannot be read; the election is retried");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(RETRY_DELAY) => {}
                }
            }
        }
    }
}

/// Takes part in the election until `stop` is cancelled or the lease manager ends.
async fn take_part(manager: LeaseManager, leadership: &Leadership, stop: &CancellationToken) {
    let (mut leading, mut task) = manager.watch().await;
    lead_while_elected(&mut leading, leadership, stop).await;
    // The manager releases the lease when its last receiver is dropped.
    drop(leading);
    match tokio::time::timeout(RELEASE_TIMEOUT, &mut task).await {
        Ok(Ok(Err(error))) => {
            let error = Error::Lease(Box::new(error));
            tracing::warn!(error = error.chain(), "the lease was not released");
        }
        Ok(_) => {}
        Err(_) => {
            tracing::warn!(seconds = RELEASE_TIMEOUT.as_secs(), "the lease was not released in time");
            task.abort();
        }
    }
}

async fn lease_manager(leadership: &Leadership) -> Result<LeaseManager, Error> {
    let Leadership { client, options, .. } = leadership;
    let namespace = options.lease_namespace.as_deref().unwrap_or(client.default_namespace());
    LeaseManagerBuilder::new(client.clone(), &options.lease_name)
        .with_namespace(namespace)
        .with_identity(&options.identity)
        .with_field_manager(format!("smb-copilot-api-server-{}", options.identity))
        .with_duration(LEASE_SECONDS)
        .with_grace(RENEW_SECONDS)
        .build()
        .await
        .map_err(|error| Error::Lease(Box::new(error)))
}

async fn lead_while_elected(
    leading: &mut watch::Receiver<bool>,
    leadership: &Leadership,
    stop: &CancellationToken,
) {
    while wait_until(leading, true, stop).await {
        tracing::info!("this replica is the leader and mirrors");
        leadership.metrics.set_leading(true);
        leadership.signals.set_leading(true);
        let lost = stop.child_token();
        let until_lost = async {
            wait_until(leading, false, stop).await;
            lost.cancel();
        };
        tokio::join!(leadership.run(&lost), until_lost);
        leadership.metrics.set_leading(false);
        leadership.signals.set_leading(false);
    }
}

/// Waits until this replica is the leader, or is not, as `expected` says. Returns false if `stop` is
/// cancelled or the lease manager has ended.
async fn wait_until(leading: &mut watch::Receiver<bool>, expected: bool, stop: &CancellationToken) -> bool {
    tokio::select! {
        // `stop` is polled first: a replica that is to stop must not begin to mirror because it holds the lease.
        biased;
        () = stop.cancelled() => false,
        changed = leading.wait_for(|leads| *leads == expected) => changed.is_ok(),
    }
}
