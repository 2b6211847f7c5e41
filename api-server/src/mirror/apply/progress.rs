//! The resource version up to which each kind was read.

use sqlx::PgConnection;

use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// Records that all changes up to this resource version were applied.
pub(super) async fn record(connection: &mut PgConnection, kind: Kind, version: i64) -> Result<(), Error> {
    let kind: &str = kind.into();
    sqlx::query!(
        "insert into mirror_sync as s (kind, resource_version) values ($1, $2)
         on conflict (kind) do update
           set resource_version = greatest(s.resource_version, excluded.resource_version), synced_at = now()",
        kind,
        version
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("record how far a kind was read"))
}

/// Returns the resource version up to which a kind was read, or `None` if it was never listed completely.
pub(in crate::mirror) async fn version(pool: &MirrorPool, kind: Kind) -> Result<Option<i64>, Error> {
    let kind: &str = kind.into();
    sqlx::query_scalar!("select resource_version from mirror_sync where kind = $1", kind)
        .fetch_optional(pool.inner())
        .await
        .map_err(Error::database("read how far a kind was read"))
}

/// Records the resource version of the lease, whose renewals measure the lag of the mirror.
pub(super) async fn record_lease(connection: &mut PgConnection, version: i64) -> Result<(), Error> {
    sqlx::query!(
        "insert into mirror_sync (kind, resource_version) values ('LEASE', $1)
         on conflict (kind) do update set resource_version = excluded.resource_version, synced_at = now()",
        version
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("record a renewal of the lease"))
}

/// Returns whether the kind was read beyond this resource version. If a new list has such a version, the
/// cluster was restored from a backup.
pub(super) async fn is_ahead_of(
    connection: &mut PgConnection,
    kind: Kind,
    version: i64,
) -> Result<bool, Error> {
    let kind: &str = kind.into();
    sqlx::query_scalar!(
        r#"select exists (select from mirror_sync where kind = $1 and resource_version > $2) as "ahead!""#,
        kind,
        version
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("read how far a kind was read"))
}

/// Returns whether every kind has been listed completely at least once.
pub(in crate::mirror) async fn is_complete(pool: &MirrorPool) -> Result<bool, Error> {
    let kinds = Kind::ALL.map(|kind| <&str>::from(kind).to_owned());
    sqlx::query_scalar!(
        r#"select not exists (
             select from unnest($1::text[]) as expected (kind)
             where not exists (select from mirror_sync s where s.kind = expected.kind)
           ) as "complete!""#,
        &kinds[..]
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("check whether the projection is complete"))
}
