//! The mirror: projects Plans, Tenants, Workflows and WorkflowRuns of Kubernetes to rows in Postgres.
//!
//! No other module writes the projection. One reflector per kind lists and watches, and queues the changes; the writer stores
//! them, many in one transaction and those of all tenants in turn; the status updates report to Kubernetes which finished runs and
//! which tenants are stored, and copy reused steps from runs that only Postgres still has into new runs. The
//! projection can be dropped and rebuilt, except for finished runs, whose rows are the only copy.

mod apply;
mod canary;
mod change;
mod cluster;
mod error;
mod kube_api;
mod leader_election;
mod leadership;
mod lock;
mod memory;
mod metrics;
mod pages;
mod queue;
mod reflector;
mod signals;
mod status_update;
#[cfg(test)]
pub(crate) mod testing;
mod verify;
mod writer;

use std::time::Duration;

use serde::Serialize;
use telemetry::{Health, Registry};
use tokio_util::sync::CancellationToken;

pub use apply::delete_record::DeletedRun;
pub use cluster::{ClusterRelation, accept_cluster};
pub use error::Error;
pub use leader_election::Options;
pub use signals::Signals;
pub use verify::{Difference, Verified, verify};

use crate::{
    db::MirrorPool,
    project::{MirroredKind, Object, Projection},
};
use leadership::Leadership;

/// Interval between checks whether the projection is complete, while it is not.
const READINESS_INTERVAL: Duration = Duration::from_secs(1);

/// The mirror of one replica.
pub struct Mirror {
    leadership: Leadership,
    health: Health,
}

impl Mirror {
    /// Creates a mirror, which computes on tenants' text with `compute`; [`Self::run`] starts it. The condition `mirror`
    /// of `health` becomes true once all kinds have been listed completely by any replica, now or earlier: reads
    /// continue while Kubernetes cannot be reached.
    #[must_use]
    pub fn new(
        client: kube::Client,
        pool: MirrorPool,
        compute: compute::Pool,
        options: Options,
        health: Health,
        registry: &Registry,
    ) -> Self {
        let metrics = metrics::Metrics::registered(registry);
        let signals = signals::Senders::default();
        Self { leadership: Leadership { client, pool, compute, options, metrics, signals }, health }
    }

    /// Returns signals for tasks of the leader that depend on what the mirror stores.
    #[must_use]
    pub fn signals(&self) -> Signals {
        self.leadership.signals.subscribe()
    }

    /// Mirrors until `stop` is cancelled, whenever this replica is the leader.
    ///
    /// # Errors
    /// Never returns an error: failures are retried.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let elected = leader_election::run(&self.leadership, &stop);
        tokio::join!(self.report_readiness(&stop), elected);
        Ok(())
    }

    async fn report_readiness(&self, stop: &CancellationToken) {
        while !apply::progress::is_complete(&self.leadership.pool).await.unwrap_or(false) {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(READINESS_INTERVAL) => {}
            }
        }
        self.health.set("mirror", true);
    }
}

/// Stores an object as the Kubernetes API server returned it, so that a caller reads its own write at once.
/// Does nothing if the mirror has already stored this version or a newer one.
///
/// # Errors
/// Returns an error if the object lacks a name, UID or resource version, if the database cannot be reached or refuses
/// the write, or if the database belongs to another cluster (see [`accept_cluster`]).
pub async fn apply_one<K: MirroredKind + Serialize + Sync>(
    pool: &MirrorPool,
    object: &K,
) -> Result<(), Error> {
    let raw = serde_json::to_value(object).map_err(|error| Error::InvalidResponse(error.into()))?;
    let object = Object::new(K::KIND, raw).map_err(|error| Error::InvalidResponse(error.into()))?;
    let upsert = change::Upsert { projection: Projection::new(object), read_up_to: None };
    apply::apply(pool, None, &[change::Change::Upserted(Box::new(upsert))]).await.map(drop)
}

/// Deletes the record of a finished run and its log, after its object was deleted or did not exist any more. Repeating it has no further
/// effect.
///
/// # Errors
/// Returns an error if the database cannot be reached or refuses the deletion.
pub async fn delete_run(pool: &MirrorPool, run: DeletedRun) -> Result<(), Error> {
    apply::delete_record::delete(pool, run).await
}
