//! Tombstones: the resource versions at which objects were deleted.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    mirror::Error,
    project::{Identity, Kind},
};

/// Returns whether the object is known to have been deleted at this resource version or later.
pub(super) async fn covers(connection: &mut PgConnection, identity: &Identity) -> Result<bool, Error> {
    let kind: &str = identity.kind.into();
    sqlx::query_scalar!(
        r#"select exists (
             select from mirror_tombstones where kind = $1 and uid = $2 and resource_version >= $3
           ) as "gone!""#,
        kind,
        identity.uid,
        identity.resource_version
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("find a tombstone"))
}

/// Records that the object was deleted. Also drops tombstones that are older than one day: no write is
/// delayed for so long.
pub(super) async fn write(
    connection: &mut PgConnection,
    kind: Kind,
    uid: Uuid,
    resource_version: i64,
) -> Result<(), Error> {
    let kind: &str = kind.into();
    sqlx::query!(
        "with old as (delete from mirror_tombstones where deleted_at < now() - interval '1 day')
         insert into mirror_tombstones as t (kind, uid, resource_version) values ($1, $2, $3)
         on conflict (kind, uid) do update
           set resource_version = greatest(t.resource_version, excluded.resource_version)",
        kind,
        uid,
        resource_version
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("write a tombstone"))
}
