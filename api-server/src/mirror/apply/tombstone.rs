//! The versions at which objects went.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    mirror::Error,
    project::{Identity, Kind},
};

/// Whether the object is known to have gone at this version or later.
pub(super) async fn covers(connection: &mut PgConnection, identity: &Identity) -> Result<bool, Error> {
    sqlx::query_scalar!(
        r#"select exists (
             select from mirror_tombstones where kind = $1 and uid = $2 and resource_version >= $3
           ) as "gone!""#,
        identity.kind.as_str(),
        identity.uid,
        identity.resource_version
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("look for a tombstone"))
}

/// Remembers that the object is gone. Old tombstones are dropped on the way: a write that is late by a day is
/// refused by nobody, and comes from nowhere.
pub(super) async fn write(
    connection: &mut PgConnection,
    kind: Kind,
    uid: Uuid,
    resource_version: i64,
) -> Result<(), Error> {
    sqlx::query!(
        "with old as (delete from mirror_tombstones where deleted_at < now() - interval '1 day')
         insert into mirror_tombstones as t (kind, uid, resource_version) values ($1, $2, $3)
         on conflict (kind, uid) do update
           set resource_version = greatest(t.resource_version, excluded.resource_version)",
        kind.as_str(),
        uid,
        resource_version
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("write a tombstone"))
}
