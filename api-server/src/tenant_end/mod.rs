//! The end of tenants, as far as it concerns Postgres and object storage: exports the data of archived tenants, says when they may
//! be purged, and deletes the data of deleted ones. The operator does the rest, and learns from the status of a Tenant what is
//! done here: the conditions `Exported`, `Purgeable` and `DataDeleted`, and `status.export`.
//!
//! The leader among the replicas does this. The lease only avoids double work: everything is idempotent, and continues after a
//! crash where Postgres says that it was.

mod archiving;
mod deletion;
mod error;
mod export;
mod metrics;
mod status;
mod task;
#[cfg(test)]
mod tests;
mod worker;

use kube::Client;
use telemetry::Registry;
use tokio_util::sync::CancellationToken;

pub use error::Error;

use self::{archiving::Archivings, deletion::Deletions, metrics::Metrics};
use crate::{
    db::{AppPool, MirrorPool},
    mirror::Signals,
    objects::Objects,
};

/// What the end of tenants is done with.
#[derive(Clone)]
pub struct Resources {
    /// Client of Kubernetes.
    pub client: Client,
    /// Pool that reads the rows of one tenant at a time.
    pub app: AppPool,
    /// Pool that writes the own records.
    pub mirror: MirrorPool,
    /// Object storage, if one is configured.
    pub objects: Option<Objects>,
}

/// The tasks for the end of tenants.
pub struct TenantEnds {
    resources: Resources,
    metrics: Metrics,
    signals: Signals,
}

impl TenantEnds {
    /// Creates the tasks; [`Self::run`] starts them. They work while `signals` say that this replica is the leader.
    #[must_use]
    pub fn new(resources: Resources, signals: Signals, registry: &Registry) -> Self {
        Self { resources, metrics: Metrics::registered(registry), signals }
    }

    /// Works until `stop` is cancelled. Exports and deletions have workers of their own, so that a large export delays no deletion.
    ///
    /// # Errors
    /// Never returns an error: failures are retried.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let Self { resources, metrics, signals } = self;
        let archivings = Archivings { resources: resources.clone(), metrics: metrics.clone() };
        let deletions = Deletions { resources, metrics };
        tokio::join!(worker::run(archivings, signals.clone(), &stop), worker::run(deletions, signals, &stop));
        Ok(())
    }
}
