//! Which replica mirrors. The lease is for economy: two that mirror at once do no harm.

use std::time::Duration;

use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Error, Mirror};

/// How long a replica that died is still taken to lead, in seconds.
const DURATION: u64 = 15;
/// How long before that the lease is renewed, in seconds.
const GRACE: u64 = 5;
/// The API server may be away when the process leaves; the lease then ends by itself.
const RELEASE: Duration = Duration::from_secs(3);
/// Between tries while the API server is away.
const PAUSE: Duration = Duration::from_secs(5);

impl Mirror {
    /// Mirrors whenever this replica holds the lease, until it is stopped; then gives the lease back.
    pub(super) async fn campaign(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let lease = tokio::select! {
                () = stop.cancelled() => return,
                lease = self.lease() => lease,
            };
            match lease {
                Ok(manager) => self.hold(manager, stop).await,
                Err(error) => {
                    tracing::warn!(error = error.chain(), "no lease yet");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
    }

    /// Takes part in the election until the process is stopped or the lease's manager gives up.
    async fn hold(&self, manager: LeaseManager, stop: &CancellationToken) {
        let (mut leading, mut task) = manager.watch().await;
        self.reign(&mut leading, stop).await;
        // The manager releases the lease when nobody listens any more.
        drop(leading);
        match tokio::time::timeout(RELEASE, &mut task).await {
            Ok(Ok(Err(error))) => {
                let error = Error::Lease(Box::new(error));
                tracing::warn!(error = error.chain(), "the lease was not given back");
            }
            Ok(_) => {}
            Err(_) => {
                tracing::warn!(seconds = RELEASE.as_secs(), "the lease was not given back in time");
                task.abort();
            }
        }
    }

    async fn lease(&self) -> Result<LeaseManager, Error> {
        let options = &self.options;
        let namespace = options.lease_namespace.as_deref().unwrap_or(self.client.default_namespace());
        LeaseManagerBuilder::new(self.client.clone(), &options.lease_name)
            .with_namespace(namespace)
            .with_identity(&options.identity)
            .with_field_manager(format!("smb-copilot-api-server-{}", options.identity))
            .with_duration(DURATION)
            .with_grace(GRACE)
            .build()
            .await
            .map_err(|error| Error::Lease(Box::new(error)))
    }

    async fn reign(&self, leading: &mut watch::Receiver<bool>, stop: &CancellationToken) {
        while becomes(leading, true, stop).await {
            tracing::info!("this replica mirrors");
            self.metrics.leading(true);
            let term = stop.child_token();
            let until_lost = async {
                becomes(leading, false, stop).await;
                term.cancel();
            };
            tokio::join!(self.lead(&term), until_lost);
            self.metrics.leading(false);
        }
    }
}

/// Waits until the lease is held, or is not; says no when the process is stopped or the lease's manager is gone.
async fn becomes(leading: &mut watch::Receiver<bool>, wanted: bool, stop: &CancellationToken) -> bool {
    tokio::select! {
        // First: a lease that is held is no reason to go on after the stop.
        biased;
        () = stop.cancelled() => false,
        changed = leading.wait_for(|leads| *leads == wanted) => changed.is_ok(),
    }
}
