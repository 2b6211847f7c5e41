//! Retention: deletes data whose retention period in the tenant's plan has ended. Every replica does this at
//! intervals, in batches; concurrent statements of several replicas do no harm.
//!
//! Deleted are the records of finished runs that no longer exist in Kubernetes, logs, events, expired
//! idempotency keys, and outputs in object storage that no stored run refers to.

mod outputs;
mod policy;
mod rows;
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
use policy::{RetentionPolicy, tenants};
use rows::Deleted;

/// Interval between two sweeps, each of which deletes all that is due. Retention periods are counted in days.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// Minimum age at which an unreferenced output is deleted. An output is stored before the run's status refers
/// to it; the attempt that writes both takes less time than this.
const MIN_OUTPUT_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Deletes data whose retention has ended.
pub struct Sweeper {
    pool: MirrorPool,
    objects: Option<Objects>,
    deleted: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    what: &'static str,
}

/// A sweep failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or refused a statement.
    #[error("failed to {action}")]
    Database {
        /// Purpose of the statement.
        action: &'static str,
        /// Error that the driver returned.
        source: sqlx::Error,
    },
}

impl Error {
    fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }
}

impl Sweeper {
    /// Creates a sweeper; [`Self::run`] starts it.
    #[must_use]
    pub fn new(pool: MirrorPool, objects: Option<Objects>, registry: &Registry) -> Self {
        let deleted = Family::<Labels, Counter>::default();
        registry.register("retention", |registry| {
            registry.register(
                "deleted",
                "Rows and stored outputs deleted because their retention ended, by kind of data",
                deleted.clone(),
            );
        });
        Self { pool, objects, deleted }
    }

    /// Sweeps at intervals until `stop` is cancelled.
    ///
    /// # Errors
    /// Never returns an error: a sweep that fails is retried.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        // A random first delay spreads the sweeps of replicas that start together.
        let mut delay = SWEEP_INTERVAL.mul_f64(ids::unit_random());
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(delay) => {}
            }
            let result = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                result = self.sweep(clock::now()) => result,
            };
            if let Err(error) = result {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "a retention sweep failed and is retried");
            }
            delay = SWEEP_INTERVAL;
        }
    }

    /// Deletes all data whose retention has ended, tenant by tenant. A tenant whose data cannot be deleted is reported and
    /// does not keep the others from it.
    async fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        let mut outcome = Ok(());
        for (tenant, slug, policy) in tenants(&self.pool).await? {
            let swept = self.sweep_tenant(tenant, &slug, &policy, now).await;
            if let Err(error) = &swept {
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::warn!(
                    tenant.name = slug,
                    error,
                    "failed to delete a tenant's data whose retention has ended"
                );
            }
            outcome = outcome.and(swept);
        }
        outcome
    }

    async fn sweep_tenant(
        &self,
        tenant: Uuid,
        slug: &str,
        policy: &RetentionPolicy,
        now: Timestamp,
    ) -> Result<(), Error> {
        let rows = rows::delete(&self.pool, tenant, policy, now).await;
        let outputs = match &self.objects {
            Some(objects) => outputs::delete(&self.pool, objects, tenant, now - MIN_OUTPUT_AGE).await,
            None => Ok(0),
        };
        let (Deleted { runs, logs, events, keys }, outputs) = (rows?, outputs?);
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
            "deleted data whose retention has ended"
        );
        Ok(())
    }
}
