//! Quarantine: objects that cannot be projected, stored as they were read, with the reason, until they can be.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    db::{Json, MirrorPool},
    mirror::Error,
    project::{Identity, Kind, Object},
};

/// Reason why an object is not projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::mirror) enum Reason {
    /// The object does not parse.
    Malformed,
    /// No tenant with the object's namespace is stored (yet).
    UnknownTenant,
    /// The database cannot hold the object.
    Refused,
}

/// Adds an object to the quarantine, or updates it there.
pub(in crate::mirror) async fn add(
    connection: &mut PgConnection,
    Object { identity, raw }: &Object,
    reason: Reason,
    problem: &str,
) -> Result<(), Error> {
    let Identity { kind, uid, namespace, name, resource_version } = identity;
    let (kind, reason): (&str, &str) = ((*kind).into(), reason.into());
    tracing::warn!(
        kind,
        object.namespace = namespace,
        object.name = name,
        reason,
        problem,
        "an object cannot be projected and is quarantined"
    );
    sqlx::query!(
        "insert into mirror_quarantine as q (kind, uid, namespace, name, resource_version, reason, problem, object)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (kind, uid) do update
           set resource_version = excluded.resource_version, reason = excluded.reason, problem = excluded.problem,
               object = excluded.object, seen_at = now()
           where excluded.resource_version >= q.resource_version",
        kind,
        uid,
        namespace.as_deref(),
        name,
        resource_version,
        reason,
        problem,
        Json(raw) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("quarantine an object"))
}

/// Removes objects from the quarantine, because they are projected or deleted.
pub(super) async fn release(connection: &mut PgConnection, objects: &[(Kind, Uuid)]) -> Result<(), Error> {
    let kinds: Vec<String> = objects.iter().map(|(kind, _)| kind.to_string()).collect();
    let uids: Vec<Uuid> = objects.iter().map(|(_, uid)| *uid).collect();
    sqlx::query!(
        "delete from mirror_quarantine q using unnest($1::text[], $2::uuid[]) as released (kind, uid)
         where q.kind = released.kind and q.uid = released.uid",
        &kinds,
        &uids
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("release objects from the quarantine"))
}

/// Returns the number of objects in the quarantine for each reason.
pub(in crate::mirror) async fn counts(pool: &MirrorPool) -> Result<Vec<(&'static str, i64)>, Error> {
    let rows = sqlx::query!(r#"select reason, count(*) as "count!" from mirror_quarantine group by reason"#)
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("count the objects in the quarantine"))?;
    let count = |reason: Reason| {
        let reason: &str = reason.into();
        let found = rows.iter().find(|row| row.reason == reason);
        (reason, found.map_or(0, |row| row.count))
    };
    Ok([Reason::Malformed, Reason::UnknownTenant, Reason::Refused].map(count).into())
}

/// Maximum number of quarantined objects that are read at once.
const PAGE_SIZE: i64 = 100;

/// Returns the next page of the objects that wait for a tenant with this namespace, after the one with this kind, resource version
/// and UID. Workflows come before runs. An object without identity is skipped.
pub(super) async fn waiting_for_tenant(
    connection: &mut PgConnection,
    namespace: &str,
    after: &WaitingKey,
) -> Result<(Vec<Object>, Option<WaitingKey>), Error> {
    let rows = sqlx::query!(
        "select kind, resource_version, uid, object from mirror_quarantine
         where namespace = $1 and reason = 'UNKNOWN_TENANT' and (kind, resource_version, uid) > ($2, $3, $4)
         order by kind, resource_version, uid limit $5",
        namespace,
        after.0,
        after.1,
        after.2,
        PAGE_SIZE
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find objects that wait for a tenant"))?;
    let last = rows.last().map(|row| (row.kind.clone(), row.resource_version, row.uid));
    let parse = |kind: &str, raw| Object::new(kind.parse().ok()?, raw).ok();
    Ok((rows.into_iter().filter_map(|row| parse(&row.kind, row.object)).collect(), last))
}

/// Kind, resource version and UID of a quarantined object.
pub(super) type WaitingKey = (String, i64, Uuid);
