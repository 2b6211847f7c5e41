//! Many changes in one transaction: rows, tombstones and events appear together, or not at all.
//!
//! Any number of writers may do this at once. Each locks the namespaces that it writes to, and every row is
//! guarded by its version, so the outcome is the same whoever comes first.

mod decide;
mod event;
mod gone;
mod listed;
pub(super) mod lock;
mod plan;
mod put;
pub(super) mod quarantine;
mod run;
pub(super) mod sync;
mod tenant;
mod tombstone;
mod workflow;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, change::Change, cluster};
use crate::db::MirrorPool;

/// Takes in changes in their order. `of` is the uid of the cluster that they were read from, where that is known.
///
/// # Errors
/// The database is away or refuses; or nothing may be projected. Nothing was changed then.
pub(super) async fn apply(pool: &MirrorPool, of: Option<Uuid>, changes: &[Change]) -> Result<(), Error> {
    let mut tx = pool.inner().begin().await.map_err(Error::database("begin a transaction"))?;
    lock::take(&mut tx, changes).await?;
    cluster::require(&mut tx, of).await?;
    for change in changes {
        if let Verdict::Restored = one(&mut tx, change).await? {
            // Not even what came before it in this batch is to be kept.
            drop(tx);
            cluster::halt_restored(pool).await?;
            return Err(Error::Halted);
        }
    }
    tx.commit().await.map_err(Error::database("commit changes"))
}

/// What a change says about the cluster.
enum Verdict {
    /// Nothing new.
    Good,
    /// It is older than it was.
    Restored,
}

async fn one(connection: &mut PgConnection, change: &Change) -> Result<Verdict, Error> {
    match change {
        Change::Listing { kind, resource_version } => {
            let restored = sync::is_ahead_of(connection, *kind, *resource_version).await?;
            return Ok(if restored { Verdict::Restored } else { Verdict::Good });
        }
        Change::Put(object) => put::apply(connection, object).await?,
        Change::Gone(identity) => gone::apply(connection, identity).await?,
        Change::Listed(list) => {
            listed::apply(connection, list).await?;
            sync::reached(connection, list.kind, list.resource_version).await?;
        }
        Change::Reached { kind, resource_version } => {
            sync::reached(connection, *kind, *resource_version).await?;
        }
    }
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::{
        db::MIGRATOR,
        mirror::testing::{put, store, try_changes},
        project::testing::{run, tenant},
    };

    /// A listener of the events misses one because its number became visible late.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn writers_at_once_agree_on_rows_and_number_events_without_gaps(owner: PgPool) {
        store(&owner, [tenant("acme").build(), tenant("globex").build()]).await;
        let writer = async |seed: i64| {
            for step in 0..20 {
                // Each writer sees the versions in another order; slugs alternate, so locks cross.
                let version = 2 + (step * 7 + seed * 3) % 20;
                let changes: Vec<_> = ["acme", "globex", "acme"]
                    .iter()
                    .map(|slug| put(run(slug, "invoices", &format!("{slug}-run")).version(version).build()))
                    .collect();
                try_changes(&owner, &changes).await.unwrap();
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
