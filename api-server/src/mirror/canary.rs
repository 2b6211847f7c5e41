//! Canary: measures the lag of the mirror from end to end, also while no tenant changes anything.
//!
//! The object that is changed at an interval is the lease of the mirror, which the leader renews anyway. A watch delivers the
//! renewal, and the next batch of the writer stores its resource version. The time of the renewal is in the lease.

use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, ResourceExt as _,
    api::{WatchEvent, WatchParams},
};
use tokio_util::sync::CancellationToken;

use super::{
    Error, Options, kube_api,
    queue::{Queue, Renewal},
};

/// Time in seconds after which the API server ends a watch.
const WATCH_SECONDS: u32 = 240;
/// Delay between watches.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Task that watches the lease of the mirror.
pub(super) struct Canary {
    pub client: Client,
    pub options: Options,
    pub queue: Queue,
    pub stop: CancellationToken,
}

impl Canary {
    /// Queues the renewals of the lease until `stop` is cancelled. A watch that fails is started again: nothing depends on it.
    pub(super) async fn run(self) -> Result<(), Error> {
        loop {
            let watched = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                watched = self.watch() => watched,
            };
            if let Err(error) = watched {
                tracing::debug!(error = error.chain(), "the lease cannot be watched; the watch is retried");
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(RETRY_DELAY) => {}
            }
        }
    }

    async fn watch(&self) -> Result<(), Error> {
        let action = "watch the lease";
        let Options { identity: _, lease_name, lease_namespace } = &self.options;
        let namespace = lease_namespace.as_deref().unwrap_or(self.client.default_namespace());
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), namespace);
        let params =
            WatchParams::default().fields(&format!("metadata.name={lease_name}")).timeout(WATCH_SECONDS);
        let mut events = pin!(kube_api::with_timeout(action, leases.watch(&params, "0")).await?);
        while let Some(event) = events.try_next().await.map_err(Error::kubernetes(action))? {
            // The first event is the lease as it was before the watch.
            if let WatchEvent::Modified(lease) = event
                && let Some(renewal) = renewal(&lease, &self.options.identity)
            {
                self.queue.push_renewal(renewal);
            }
        }
        Ok(())
    }
}

/// Returns the renewal that a version of the lease shows, if this replica made it: the clock of another one may differ.
fn renewal(lease: &Lease, identity: &str) -> Option<Renewal> {
    let spec = lease.spec.as_ref()?;
    let resource_version = lease.resource_version()?.parse().ok()?;
    let renewed_at = spec.renew_time.as_ref()?.0;
    let is_own = spec.holder_identity.as_deref() == Some(identity);
    is_own.then_some(Renewal { resource_version, renewed_at })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Only renewals by this replica are measured.
    #[test]
    fn only_own_renewals_count() {
        let lease = json!({"metadata": {"name": "mirror", "resourceVersion": "7"},
                           "spec": {"holderIdentity": "one", "renewTime": "2026-11-24T08:00:00.000000Z"}});
        let lease: Lease = serde_json::from_value(lease).unwrap();
        let renewed_at = "2026-11-24T08:00:00Z".parse().unwrap();
        assert_eq!(renewal(&lease, "one"), Some(Renewal { resource_version: 7, renewed_at }));
        assert_eq!(renewal(&lease, "other"), None);
    }
}
