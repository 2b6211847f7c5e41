//! Retention: what a tenant's plan no longer keeps is deleted, in batches, by whichever replica comes first.
//!
//! Deleted are records of finished runs whose objects are gone, logs, events, idempotency keys that have expired, and
//! objects in storage that no run which is kept refers to.

mod delete;
mod keep;
mod outputs;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use telemetry::{Registry, clock, ids};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{db::MirrorPool, objects::Objects};
use delete::{Deleted, delete};
use keep::{Keep, tenants};

/// Between two looks; each deletes all that is due. Retentions are counted in days.
const EVERY: Duration = Duration::from_secs(600);
/// An object is put into storage before anything refers to it: an attempt takes less than this.
const UNREFERENCED: SignedDuration = SignedDuration::from_hours(24);

/// Deletes what is no longer kept.
pub struct Sweeper {
    pool: MirrorPool,
    objects: Option<Objects>,
    deleted: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    what: &'static str,
}

/// Why what is due could not be deleted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, or refuses.
    #[error("failed to {action}")]
    Database {
        /// What was to be done.
        action: &'static str,
        /// What came back.
        source: sqlx::Error,
    },
}

impl Error {
    fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }
}

impl Sweeper {
    /// A sweeper that does nothing yet.
    #[must_use]
    pub fn new(pool: MirrorPool, objects: Option<Objects>, registry: &Registry) -> Self {
        let deleted = Family::<Labels, Counter>::default();
        registry.register("retention", |registry| {
            registry.register("deleted", "Rows and objects that were no longer kept", deleted.clone());
        });
        Self { pool, objects, deleted }
    }

    /// Sweeps from time to time, until `stop` is cancelled.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        // Replicas that start together do not sweep together.
        let mut pause = EVERY.mul_f64(ids::unit_random());
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            let swept = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                swept = self.sweep(clock::now()) => swept,
            };
            if let Err(error) = swept {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "retention goes on later");
            }
            pause = EVERY;
        }
    }

    /// Deletes all that is due, tenant by tenant.
    async fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        for (tenant, slug, keep) in tenants(&self.pool).await? {
            self.sweep_tenant(tenant, &slug, &keep, now).await?;
        }
        Ok(())
    }

    async fn sweep_tenant(&self, tenant: Uuid, slug: &str, keep: &Keep, now: Timestamp) -> Result<(), Error> {
        let Deleted { runs, logs, events, keys } = delete(&self.pool, tenant, keep, now).await?;
        let outputs = match &self.objects {
            Some(objects) => outputs::delete(&self.pool, objects, tenant, now - UNREFERENCED).await?,
            None => 0,
        };
        if runs + logs + events + keys + outputs == 0 {
            return Ok(());
        }
        let counts =
            [("runs", runs), ("logs", logs), ("events", events), ("keys", keys), ("outputs", outputs)];
        for (what, count) in counts {
            self.deleted.get_or_create(&Labels { what }).inc_by(count);
        }
        tracing::info!(
            tenant.name = slug,
            runs,
            logs,
            events,
            keys,
            outputs,
            "deleted what is no longer kept"
        );
        Ok(())
    }
}
