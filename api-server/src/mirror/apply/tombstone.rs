//! Tombstones: the resource versions at which objects were deleted.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{mirror::Error, project::Kind};

/// Resource version in the tombstone of a run whose record was deleted: no version of the run is stored again.
pub(super) const RECORD_DELETED: i64 = i64::MAX;

/// Returns the resource versions at which those of the objects were deleted that have a tombstone.
pub(super) async fn find(
    connection: &mut PgConnection,
    kind: Kind,
    uids: &[Uuid],
) -> Result<HashMap<Uuid, i64>, Error> {
    let kind: &str = kind.into();
    let rows = sqlx::query!(
        "select uid, resource_version from mirror_tombstones where kind = $1 and uid = any($2)",
        kind,
        uids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find tombstones"))?;
    Ok(rows.into_iter().map(|row| (row.uid, row.resource_version)).collect())
}

/// Records the resource versions at which objects were deleted. Also drops tombstones that are older than one day: no write is
/// delayed for so long.
pub(super) async fn write(
    connection: &mut PgConnection,
    kind: Kind,
    deleted: &[(Uuid, i64)],
) -> Result<(), Error> {
    let kind: &str = kind.into();
    let (uids, versions): (Vec<Uuid>, Vec<i64>) = deleted.iter().copied().unzip();
    sqlx::query!(
        "with old as (delete from mirror_tombstones where deleted_at < now() - interval '1 day')
         insert into mirror_tombstones as t (kind, uid, resource_version)
         select $1, uid, max(version) from unnest($2::uuid[], $3::bigint[]) as deleted (uid, version) group by uid
         on conflict (kind, uid) do update
           set resource_version = greatest(t.resource_version, excluded.resource_version)",
        kind,
        &uids,
        &versions
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("write tombstones"))
}
