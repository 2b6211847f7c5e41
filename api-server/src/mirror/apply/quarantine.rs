//! Quarantine: objects that cannot be projected, stored as they were read, with the reason, until they can be.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    db::Json,
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

/// Removes an object from the quarantine, because it is projected or deleted.
pub(super) async fn release(connection: &mut PgConnection, kind: Kind, uid: Uuid) -> Result<(), Error> {
    let kind: &str = kind.into();
    sqlx::query!("delete from mirror_quarantine where kind = $1 and uid = $2", kind, uid)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::database("release an object from the quarantine"))
}

/// Returns the objects that wait for a tenant with this namespace, workflows before runs.
pub(super) async fn waiting_for_tenant(
    connection: &mut PgConnection,
    namespace: &str,
) -> Result<Vec<Object>, Error> {
    let rows = sqlx::query!(
        "select kind, object from mirror_quarantine where namespace = $1 and reason = 'UNKNOWN_TENANT'
         order by kind, resource_version",
        namespace
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find objects that wait for a tenant"))?;
    let parse = |kind: &str, raw| Object::new(kind.parse().ok()?, raw).ok();
    Ok(rows.into_iter().filter_map(|row| parse(&row.kind, row.object)).collect())
}
