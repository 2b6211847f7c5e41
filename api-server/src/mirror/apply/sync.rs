//! How far each kind was read.

use sqlx::PgConnection;

use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// Remembers that all up to this version was taken in.
pub(super) async fn reached(connection: &mut PgConnection, kind: Kind, version: i64) -> Result<(), Error> {
    sqlx::query!(
        "insert into mirror_sync as s (kind, resource_version) values ($1, $2)
         on conflict (kind) do update
           set resource_version = greatest(s.resource_version, excluded.resource_version), synced_at = now()",
        kind.as_str(),
        version
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("remember how far a kind was read"))
}

/// Whether a list at this version is older than what was read before: then the cluster was restored.
pub(super) async fn is_ahead_of(
    connection: &mut PgConnection,
    kind: Kind,
    version: i64,
) -> Result<bool, Error> {
    sqlx::query_scalar!(
        r#"select exists (select from mirror_sync where kind = $1 and resource_version > $2) as "ahead!""#,
        kind.as_str(),
        version
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("look how far a kind was read"))
}

/// Whether all kinds were read to the end once.
pub(in crate::mirror) async fn is_complete(pool: &MirrorPool) -> Result<bool, Error> {
    let kinds = Kind::ALL.map(|kind| kind.as_str().to_owned());
    sqlx::query_scalar!(
        r#"select not exists (
             select from unnest($1::text[]) as wanted (kind)
             where not exists (select from mirror_sync s where s.kind = wanted.kind)
           ) as "complete!""#,
        &kinds[..]
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("look whether the projection is complete"))
}
