//! Objects that cannot be projected: kept as they were read, with the reason, until they can.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    db::Json,
    mirror::Error,
    project::{Identity, Kind, Object},
};

/// Why an object is not projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mirror) enum Reason {
    /// It does not parse.
    Malformed,
    /// Its namespace is no tenant's (yet).
    UnknownTenant,
    /// The database cannot hold it.
    Refused,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "MALFORMED",
            Self::UnknownTenant => "UNKNOWN_TENANT",
            Self::Refused => "REFUSED",
        }
    }
}

/// Puts an object aside.
pub(in crate::mirror) async fn put(
    connection: &mut PgConnection,
    Object { identity, raw }: &Object,
    reason: Reason,
    problem: &str,
) -> Result<(), Error> {
    let Identity { kind, uid, namespace, name, resource_version } = identity;
    tracing::warn!(
        kind = kind.as_str(),
        object.namespace = namespace,
        object.name = name,
        reason = reason.as_str(),
        problem,
        "an object is not projected"
    );
    sqlx::query!(
        "insert into mirror_quarantine as q (kind, uid, namespace, name, resource_version, reason, problem, object)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (kind, uid) do update
           set resource_version = excluded.resource_version, reason = excluded.reason, problem = excluded.problem,
               object = excluded.object, seen_at = now()
           where excluded.resource_version >= q.resource_version",
        kind.as_str(),
        uid,
        namespace.as_deref(),
        name,
        resource_version,
        reason.as_str(),
        problem,
        Json(raw) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("put an object aside"))
}

/// The object is projected, or gone.
pub(super) async fn release(connection: &mut PgConnection, kind: Kind, uid: Uuid) -> Result<(), Error> {
    sqlx::query!("delete from mirror_quarantine where kind = $1 and uid = $2", kind.as_str(), uid)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::database("release an object"))
}

/// What waits for a tenant with this namespace: workflows before their runs.
pub(super) async fn waiting(connection: &mut PgConnection, namespace: &str) -> Result<Vec<Object>, Error> {
    let rows = sqlx::query!(
        "select kind, object from mirror_quarantine where namespace = $1 and reason = 'UNKNOWN_TENANT'
         order by kind, resource_version",
        namespace
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find what waits for a tenant"))?;
    let parse = |kind: &str, raw| Kind::named(kind).and_then(|kind| Object::new(kind, raw).ok());
    Ok(rows.into_iter().filter_map(|row| parse(&row.kind, row.object)).collect())
}
