//! Applies many changes in one transaction: rows, tombstones and events become visible together, or not at all.
//!
//! The number of statements does not depend on the number of workflows and runs that changed. Any number of writers may apply
//! changes concurrently. Each locks the namespaces that it writes to, and every row is guarded by its resource version, so the
//! result does not depend on the order of the writers.

mod archiving;
#[cfg(test)]
mod convergence;
mod decide;
mod delete;
pub(super) mod delete_record;
mod deleted_run;
mod event;
mod groups;
mod namespaced;
mod plan;
pub(super) mod progress;
mod prune;
pub(super) mod quarantine;
mod run;
mod tenant;
mod tombstone;
mod upsert;
mod workflow;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, change::Change, cluster, lock};
use crate::{db::MirrorPool, project::Kind};
use event::Event;
use groups::{ObjectChange, groups};

/// A transaction with what is written at its end.
struct Session<'c> {
    connection: &'c mut PgConnection,
    events: Vec<Event>,
    corrections: u64,
}

/// Result of applying changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// Number of rows that a list has changed although their objects had not changed since the kind was read before: changes
    /// that the mirror had missed.
    pub corrections: u64,
}

/// Applies changes in their order. `source` is the UID of the cluster that they were read from, if that is
/// known.
///
/// # Errors
/// Returns an error, and changes nothing, if the database cannot be reached or refuses a statement, or if the cluster is
/// not accepted.
pub(super) async fn apply(
    pool: &MirrorPool,
    source: Option<Uuid>,
    changes: &[Change],
) -> Result<Applied, Error> {
    Error::with_timeout("apply changes", apply_in_transaction(pool, source, changes)).await
}

async fn apply_in_transaction(
    pool: &MirrorPool,
    source: Option<Uuid>,
    changes: &[Change],
) -> Result<Applied, Error> {
    let mut tx = pool.inner().begin().await.map_err(Error::database("begin a transaction"))?;
    lock::acquire(&mut tx, changes).await?;
    cluster::ensure_accepted(&mut tx, source).await?;
    let mut session = Session { connection: &mut tx, events: Vec::new(), corrections: 0 };
    for changes in changes.chunk_by(|one, other| is_object(one) && is_object(other)) {
        if let Outcome::ClusterRestored = session.apply(changes).await? {
            // The changes before it must not be committed either.
            drop(session);
            drop(tx);
            cluster::halt_restored(pool).await?;
            return Err(Error::Halted);
        }
    }
    let Session { connection, events, corrections } = session;
    event::write(connection, &events).await?;
    tx.commit().await.map_err(Error::database("commit changes"))?;
    Ok(Applied { corrections })
}

fn is_object(change: &Change) -> bool {
    change.identity().is_some()
}

/// Result of consecutive changes.
enum Outcome {
    /// The changes were applied.
    Done,
    /// The change shows that the cluster was restored to an older state.
    ClusterRestored,
}

impl Session<'_> {
    /// Applies changes of objects, or one change of another kind.
    async fn apply(&mut self, changes: &[Change]) -> Result<Outcome, Error> {
        match changes {
            [Change::ListStarted { kind, resource_version }] => {
                if progress::is_ahead_of(self.connection, *kind, *resource_version).await? {
                    return Ok(Outcome::ClusterRestored);
                }
            }
            [Change::ListCompleted(list)] => {
                prune::apply(self, list).await?;
                progress::record(self.connection, list.kind, list.resource_version).await?;
            }
            [Change::Bookmark { kind, resource_version }] => {
                progress::record(self.connection, *kind, *resource_version).await?;
            }
            [Change::LeaseRenewed { resource_version }] => {
                progress::record_lease(self.connection, *resource_version).await?;
            }
            changes => self.apply_objects(changes).await?,
        }
        Ok(Outcome::Done)
    }

    /// Applies changes of objects, kind by kind: the kinds that others refer to come first.
    async fn apply_objects(&mut self, changes: &[Change]) -> Result<(), Error> {
        for kind in Kind::ALL {
            let of_kind =
                changes.iter().filter(|change| change.identity().is_some_and(|found| found.kind == kind));
            let of_kind: Vec<_> = of_kind.filter_map(ObjectChange::from_change).collect();
            match kind {
                Kind::Plan | Kind::Tenant => {
                    for change in of_kind {
                        self.apply_cluster_scoped(change).await?;
                    }
                }
                Kind::Workflow | Kind::WorkflowRun => {
                    for group in groups(&of_kind) {
                        namespaced::apply(self, kind, &group).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn apply_cluster_scoped(&mut self, change: ObjectChange<'_>) -> Result<(), Error> {
        match change {
            ObjectChange::Upserted(upsert) => upsert::apply(self, upsert).await,
            ObjectChange::Deleted(identity) => delete::apply(self, identity.kind, &[identity]).await,
        }
    }

    /// Counts the write of an object of this resource version as a correction, if the mirror should have written it before.
    fn count_correction(&mut self, read_up_to: Option<i64>, resource_version: i64) {
        if read_up_to.is_some_and(|read_up_to| resource_version <= read_up_to) {
            self.corrections += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::{
        db::MIGRATOR,
        mirror::testing::{store, try_apply, upserted},
        project::testing::{run, tenant},
    };

    /// Concurrent writers agree on the newest version of every row, and events are numbered without gaps, so
    /// that no subscriber misses one.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn concurrent_writers_agree_on_rows_and_number_events_without_gaps(owner: PgPool) {
        store(&owner, [tenant("acme").build(), tenant("globex").build()]).await;
        let writer = async |seed: i64| {
            for step in 0..20 {
                // Each writer applies the versions in another order; the tenants alternate, so that the locks
                // cross.
                let version = 2 + (step * 7 + seed * 3) % 20;
                let changes: Vec<_> = ["acme", "globex", "acme"]
                    .iter()
                    .map(|slug| {
                        upserted(run(slug, "invoices", &format!("{slug}-run")).version(version).build())
                    })
                    .collect();
                try_apply(&owner, &changes).await.unwrap();
            }
        };
        tokio::join!(writer(0), writer(1), writer(2));
        let versions: Vec<(String, i64)> =
            sqlx::query_as("select name, resource_version from workflow_runs order by name")
                .fetch_all(&owner)
                .await
                .unwrap();
        assert_eq!(versions, [("acme-run".to_owned(), 21), ("globex-run".to_owned(), 21)]);
        let gaps: i64 = sqlx::query_scalar(
            "select count(*) from (
               select max(seq) - count(*) as missing from events group by tenant_id
             ) as tenants where missing <> 0",
        )
        .fetch_one(&owner)
        .await
        .unwrap();
        assert_eq!(gaps, 0);
    }
}
