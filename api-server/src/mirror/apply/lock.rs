//! Writers of the same tenant wait for each other, so that a guard that was checked still holds when its write is
//! done. Locks are taken in one order, before anything else, so nobody waits in a circle.

use sqlx::PgConnection;

use crate::{
    mirror::{Error, change::Change},
    project::Kind,
};

/// All writers share it; who needs the whole projection for itself has it alone. The number is "smbm" in ASCII.
const MIRROR: i64 = 0x73_6d_62_6d;
/// The lock of cluster-scoped kinds: no namespace is called so.
const CLUSTER: &str = "";

/// Takes the locks that these changes need, until the transaction ends.
pub(super) async fn take(connection: &mut PgConnection, changes: &[Change]) -> Result<(), Error> {
    if changes.iter().any(|change| matches!(change, Change::Listed(_))) {
        return everything(connection).await;
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

/// Keeps all other writers out until the transaction ends.
pub(in crate::mirror) async fn everything(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(r#"select pg_advisory_xact_lock($1)::text as "locked""#, MIRROR)
        .fetch_one(connection)
        .await
        .map(drop)
        .map_err(Error::database("lock the whole projection"))
}

/// A tenant's arrival moves what waits for it in its namespace, so it needs the lock of that as well.
fn names(change: &Change) -> Vec<String> {
    match change {
        Change::Put(object) if object.identity.kind == Kind::Tenant => {
            let namespace = crate::project::namespace_of_tenant(object);
            vec![CLUSTER.to_owned(), namespace]
        }
        Change::Put(object) => vec![object.identity.namespace.clone().unwrap_or_default()],
        Change::Gone(identity) => vec![identity.namespace.clone().unwrap_or_default()],
        Change::Listing { .. } | Change::Listed(_) | Change::Reached { .. } => Vec::new(),
    }
}
