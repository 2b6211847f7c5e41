//! Retention: deletes data whose retention period in the tenant's plan has ended. Every replica does this at
//! intervals, in batches; concurrent statements of several replicas do no harm. Events that no tenant retains are dropped with the
//! partition of their day, which this module creates in advance.
//!
//! Deleted are the records of finished runs that no longer exist in Kubernetes, logs, events, expired
//! idempotency keys, outputs in object storage that no stored run refers to, and contents of documents that were replaced. Of a tenant that was deleted together with its
//! data, everything is deleted that has arrived since.

mod audit;
mod contents;
mod outputs;
mod partitions;
mod policy;
mod purge;
mod rows;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use telemetry::{Registry, clock, ids};
use tokio_util::sync::CancellationToken;

use crate::{db::MirrorPool, objects::Objects, store};
pub use purge::{PurgeError, Purged, purge};
pub use rows::Deleted;

use policy::{RetainedTenant, RetentionPolicy, tenants};

/// Interval between two sweeps, each of which deletes all that is due. Retention periods are counted in days.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

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
    /// A deletion cannot be recorded in the audit log.
    #[error("failed to record a deletion in the audit log")]
    Audit(#[source] store::Error),
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
        // After a standstill, events go to the default partition until the one of their day is created.
        self.create_partitions().await;
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
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<(), PurgeError> {
        let mut outcome = Ok(());
        self.create_partitions().await;
        let tenants = tenants(&self.pool).await?;
        if let Err(error) = partitions::drop_old(&self.pool, &tenants, now).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::info!(error, "old partitions of events were not dropped; the next sweep tries again");
        }
        for tenant in tenants {
            let swept = self.sweep_tenant(&tenant, now).await;
            if let Err(error) = &swept {
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::warn!(
                    tenant.name = tenant.slug,
                    error,
                    "failed to delete a tenant's data whose retention has ended"
                );
            }
            outcome = outcome.and(swept);
        }
        let pruned = audit::prune_platform(&self.pool, now).await;
        outcome.and(pruned.map(drop).map_err(PurgeError::from))
    }

    async fn create_partitions(&self) {
        if let Err(error) = partitions::create(&self.pool).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::info!(error, "partitions of events were not created; the next sweep tries again");
        }
    }

    async fn sweep_tenant(&self, tenant: &RetainedTenant, now: Timestamp) -> Result<(), PurgeError> {
        let RetainedTenant { id, slug, policy, is_purged } = tenant;
        let audit_events = audit::prune(&self.pool, *id, now).await?;
        self.deleted.get_or_create(&Labels { what: "audit events" }).inc_by(audit_events);
        let Purged { outputs, documents, rows: Deleted { runs, logs, events, keys } } = if *is_purged {
            let purged = purge(&self.pool, self.objects.as_ref(), *id).await?;
            rows::redact_tenant(&self.pool, *id).await?;
            purged
        } else {
            let deletion = rows::delete(&self.pool, *id, policy, now);
            // Expired keys and events are no records of the tenant, and an audit event for each sweep would hide the others.
            let rows = match rows::has_records_to_delete(&self.pool, *id, policy, now).await? {
                true => audit::audited_deletion(&self.pool, tenant, deletion, |deleted| *deleted).await,
                false => deletion.await,
            };
            let outputs = match &self.objects {
                Some(objects) => outputs::delete(&self.pool, objects, *id, now - policy.outputs).await,
                None => Ok(0),
            };
            let contents = match &self.objects {
                Some(objects) => contents::delete_obsolete(&self.pool, objects, *id, now).await,
                None => Ok(0),
            };
            self.deleted.get_or_create(&Labels { what: "contents of documents" }).inc_by(contents?);
            Purged { rows: rows?, outputs: outputs?, documents: 0 }
        };
        if runs + logs + events + keys + outputs + documents == 0 {
            return Ok(());
        }
        let counts = [
            ("runs", runs),
            ("logs", logs),
            ("events", events),
            ("keys", keys),
            ("outputs", outputs),
            ("documents", documents),
        ];
        for (what, count) in counts {
            self.deleted.get_or_create(&Labels { what }).inc_by(count);
        }
        tracing::info!(
            tenant.name = *slug,
            runs,
            logs,
            events,
            keys,
            outputs,
            documents,
            "deleted data whose retention has ended"
        );
        Ok(())
    }
}
