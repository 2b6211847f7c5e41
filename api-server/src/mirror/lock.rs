//! Advisory locks of the projection. Writers of the same tenant wait for each other, so that a resource
//! version that was compared is still the stored one when the write is done. A transaction takes its locks in
//! one order and before all other statements, so that no deadlock is possible.

use sqlx::PgConnection;

use super::{Error, change::Change};
use crate::project::Kind;

/// Key of the lock that all writers share, and that a transaction over the entire projection takes
/// exclusively. The number is "smbm" in ASCII.
const MIRROR: i64 = 0x73_6d_62_6d;
/// Name of the lock of cluster-scoped kinds. No namespace has an empty name.
const CLUSTER: &str = "";

/// Takes the locks that these changes need, until the transaction ends.
pub(super) async fn acquire(connection: &mut PgConnection, changes: &[Change]) -> Result<(), Error> {
    if changes.iter().any(|change| matches!(change, Change::ListCompleted(_))) {
        return acquire_exclusive(connection).await;
    }
    sqlx::query!(r#"select pg_advisory_xact_lock_shared($1)::text as "locked""#, MIRROR)
        .fetch_one(&mut *connection)
        .await
        .map_err(Error::database("lock the projection"))?;
    let names: Vec<String> = changes.iter().flat_map(names).collect();
    sqlx::query!(
        r#"select pg_advisory_xact_lock(key)::text as "locked"
           from (select distinct hashtextextended(name, 0) as key from unnest($1::text[]) as name order by 1) as keys"#,
        &names
    )
    .fetch_all(connection)
    .await
    .map(drop)
    .map_err(Error::database("lock namespaces"))
}

/// Excludes all other writers until the transaction ends.
pub(super) async fn acquire_exclusive(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(r#"select pg_advisory_xact_lock($1)::text as "locked""#, MIRROR)
        .fetch_one(connection)
        .await
        .map(drop)
        .map_err(Error::database("lock the entire projection"))
}

/// Returns the names of the locks that a change needs. A tenant also needs the lock of its namespace, since the
/// objects that waited for the tenant there are stored with it.
fn names(change: &Change) -> Vec<String> {
    match change {
        Change::Upserted(upsert) if upsert.projection.object.identity.kind == Kind::Tenant => {
            let namespace = crate::project::tenant_namespace(&upsert.projection.object);
            vec![CLUSTER.to_owned(), namespace]
        }
        Change::Upserted(upsert) => {
            vec![upsert.projection.object.identity.namespace.clone().unwrap_or_default()]
        }
        Change::Deleted(identity) => vec![identity.namespace.clone().unwrap_or_default()],
        Change::ListStarted { .. }
        | Change::ListCompleted(_)
        | Change::Bookmark { .. }
        | Change::LeaseRenewed { .. } => Vec::new(),
    }
}
