//! Applies many changes in one transaction: rows, tombstones and events become visible together, or not at all.
//!
//! Any number of writers may apply changes concurrently. Each locks the namespaces that it writes to, and
//! every row is guarded by its resource version, so the result does not depend on the order of the writers.

mod decide;
mod delete;
mod deleted_run;
mod event;
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
use crate::db::MirrorPool;

/// Applies changes in their order. `source` is the UID of the cluster that they were read from, if that is
/// known.
///
/// # Errors
/// Returns an error, and changes nothing, if the database cannot be reached or refuses a statement, or if the cluster is
/// not accepted.
pub(super) async fn apply(pool: &MirrorPool, source: Option<Uuid>, changes: &[Change]) -> Result<(), Error> {
    let mut tx = pool.inner().begin().await.map_err(Error::database("begin a transaction"))?;
    lock::acquire(&mut tx, changes).await?;
    cluster::ensure_accepted(&mut tx, source).await?;
    for change in changes {
        if let Applied::ClusterRestored = apply_change(&mut tx, change).await? {
            // The changes before it in this batch must not be committed either.
            drop(tx);
            cluster::halt_restored(pool).await?;
            return Err(Error::Halted);
        }
    }
    tx.commit().await.map_err(Error::database("commit changes"))
}

/// Result of one change.
enum Applied {
    /// The change was applied.
    Done,
    /// The change shows that the cluster was restored to an older state.
    ClusterRestored,
}

async fn apply_change(connection: &mut PgConnection, change: &Change) -> Result<Applied, Error> {
    match change {
        Change::ListStarted { kind, resource_version } => {
            let restored = progress::is_ahead_of(connection, *kind, *resource_version).await?;
            return Ok(if restored { Applied::ClusterRestored } else { Applied::Done });
        }
        Change::Upserted(object) => upsert::apply(connection, object).await?,
        Change::Deleted(identity) => delete::apply(connection, identity).await?,
        Change::ListCompleted(list) => {
            prune::apply(connection, list).await?;
            progress::record(connection, list.kind, list.resource_version).await?;
        }
        Change::Bookmark { kind, resource_version } => {
            progress::record(connection, *kind, *resource_version).await?;
        }
    }
    Ok(Applied::Done)
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
