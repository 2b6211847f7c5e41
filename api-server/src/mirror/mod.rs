//! The mirror: Plans, Tenants, Workflows and WorkflowRuns of Kubernetes as rows in Postgres.
//!
//! One module writes the projection: this one. Followers list and watch, one a kind; the writer puts what they tell
//! into the database, many changes in a transaction; the tellers tell Kubernetes which finished runs and which tenants
//! are stored, and give new runs what they take over from runs that are only here.
//! The projection can be dropped and rebuilt, except for finished runs, whose rows are the record.

mod apply;
mod change;
mod cluster;
mod error;
mod follow;
mod kube_api;
mod lead;
mod lease;
mod metrics;
mod tell;
#[cfg(test)]
pub(crate) mod testing;
mod write;

use std::time::Duration;

use serde::Serialize;
use telemetry::{Health, Registry};
use tokio_util::sync::CancellationToken;

pub use cluster::accept_cluster;
pub use error::Error;

use crate::{
    db::MirrorPool,
    project::{Mirrored, Object},
};

/// Between looks whether the projection is complete, while it is not.
const LOOK: Duration = Duration::from_secs(1);

/// How this replica takes part.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name in the lease.
    pub identity: String,
    /// The lease.
    pub lease_name: String,
    /// The lease's namespace; the client's own where absent.
    pub lease_namespace: Option<String>,
}

/// Mirrors, when it is this replica's turn.
pub struct Mirror {
    client: kube::Client,
    pool: MirrorPool,
    options: Options,
    health: Health,
    metrics: metrics::Metrics,
}

impl Mirror {
    /// A mirror that does nothing yet. The condition `mirror` of `health` turns true once all kinds were read to the
    /// end, by whichever replica, whenever that was: reads go on while Kubernetes is away.
    #[must_use]
    pub fn new(
        client: kube::Client,
        pool: MirrorPool,
        options: Options,
        health: Health,
        registry: &Registry,
    ) -> Self {
        Self { client, pool, options, health, metrics: metrics::Metrics::registered(registry) }
    }

    /// Mirrors until `stop` is cancelled.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        tokio::join!(self.become_ready(&stop), self.campaign(&stop));
        Ok(())
    }

    async fn become_ready(&self, stop: &CancellationToken) {
        while !apply::sync::is_complete(&self.pool).await.unwrap_or(false) {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.health.set("mirror", true);
    }
}

/// Takes in one object as the API server returned it, so that a caller reads its own write at once. Where the mirror
/// was faster, nothing happens.
///
/// # Errors
/// The object lacks what every object has, the database is away or refuses, or nothing may be projected.
pub async fn apply_one<K: Mirrored + Serialize + Sync>(pool: &MirrorPool, object: &K) -> Result<(), Error> {
    let raw = serde_json::to_value(object).map_err(|error| Error::Answer(error.into()))?;
    let object = Object::new(K::KIND, raw).map_err(|error| Error::Answer(error.into()))?;
    apply::apply(pool, None, &[change::Change::Put(Box::new(object))]).await
}
