//! Rows of the mirrored kinds.

use std::collections::HashMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    db::MirrorPool,
    mirror::Error,
    project::{Identity, Kind},
};

/// Row of an object with all columns, as Postgres prints them.
pub(super) struct StoredRow {
    /// Whether the object exists, as far as the database knows.
    pub(super) live: bool,
    pub(super) columns: Map<String, Value>,
}

/// Row whose object should exist.
pub(super) struct LiveRow {
    pub(super) uid: Option<Uuid>,
    tenant_id: Uuid,
    namespace: Option<String>,
    name: String,
    resource_version: i64,
}

impl LiveRow {
    /// Returns the position of the row in the order of [`live`].
    pub(super) fn key(&self) -> (Uuid, String) {
        (self.tenant_id, self.name.clone())
    }

    /// Returns the identity of the object. The UID is nil after the cluster was rebuilt.
    pub(super) fn identity(self, kind: Kind) -> Identity {
        let Self { uid, tenant_id: _, namespace, name, resource_version } = self;
        Identity { kind, uid: uid.unwrap_or_default(), namespace, name, resource_version }
    }
}

/// Returns the rows of objects by their UIDs.
pub(super) async fn by_uid(
    pool: &MirrorPool,
    kind: Kind,
    uids: &[Uuid],
) -> Result<HashMap<Uuid, StoredRow>, Error> {
    let action = "read rows";
    let rows: Vec<(Option<Uuid>, bool, String)> = match kind {
        Kind::Plan => sqlx::query!(
            r#"select uid, true as "live!", row_to_json(r)::text as "columns!" from plans r where uid = any($1)"#,
            uids
        )
        .fetch_all(pool.inner())
        .await
        .map(|rows| rows.into_iter().map(|row| (row.uid, row.live, row.columns)).collect()),
        Kind::Tenant => sqlx::query!(
            r#"select uid, deleted_at is null as "live!", row_to_json(r)::text as "columns!" from tenants r where uid = any($1)"#,
            uids
        )
        .fetch_all(pool.inner())
        .await
        .map(|rows| rows.into_iter().map(|row| (row.uid, row.live, row.columns)).collect()),
        Kind::Workflow => sqlx::query!(
            r#"select r.uid, true as "live!", row_to_json(r)::text as "columns!"
               from (select w.*, t.namespace as tenant_namespace from workflows w join tenants t on t.id = w.tenant_id
                     where w.uid = any($1)) as r"#,
            uids
        )
        .fetch_all(pool.inner())
        .await
        .map(|rows| rows.into_iter().map(|row| (row.uid, row.live, row.columns)).collect()),
        Kind::WorkflowRun => sqlx::query!(
            r#"select r.uid, r.live as "live!", row_to_json(r)::text as "columns!"
               from (select w.*, t.namespace as tenant_namespace from workflow_runs w join tenants t on t.id = w.tenant_id
                     where w.uid = any($1)) as r"#,
            uids
        )
        .fetch_all(pool.inner())
        .await
        .map(|rows| rows.into_iter().map(|row| (row.uid, row.live, row.columns)).collect()),
    }
    .map_err(Error::database(action))?;
    rows.into_iter()
        .filter_map(|(uid, live, columns)| Some((uid?, live, columns)))
        .map(|(uid, live, columns)| {
            let columns =
                serde_json::from_str(&columns).map_err(|error| Error::InvalidResponse(error.into()))?;
            Ok((uid, StoredRow { live, columns }))
        })
        .collect()
}

/// Returns why objects are in the quarantine, by their UIDs.
pub(super) async fn quarantined(
    pool: &MirrorPool,
    kind: Kind,
    uids: &[Uuid],
) -> Result<HashMap<Uuid, String>, Error> {
    let kind: &str = kind.into();
    let rows = sqlx::query!(
        "select uid, problem from mirror_quarantine where kind = $1 and uid = any($2)",
        kind,
        uids
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("read the quarantine"))?;
    Ok(rows.into_iter().map(|row| (row.uid, row.problem)).collect())
}

/// Returns a page of the rows whose objects should exist, ordered by tenant and name, after this position.
pub(super) async fn live(
    pool: &MirrorPool,
    kind: Kind,
    after: Option<&(Uuid, String)>,
    limit: i64,
) -> Result<Vec<LiveRow>, Error> {
    let (tenant, name) = after.cloned().unwrap_or_default();
    let rows = match kind {
        Kind::Plan => {
            sqlx::query_as!(
                LiveRow,
                r#"select uid, '00000000-0000-0000-0000-000000000000'::uuid as "tenant_id!", null as namespace, name,
                          resource_version
                   from plans where name > $1 order by name limit $2"#,
                name,
                limit
            )
            .fetch_all(pool.inner())
            .await
        }
        Kind::Tenant => {
            sqlx::query_as!(
                LiveRow,
                r#"select uid, '00000000-0000-0000-0000-000000000000'::uuid as "tenant_id!", null as namespace,
                          slug as name, resource_version
                   from tenants where deleted_at is null and slug > $1 order by slug limit $2"#,
                name,
                limit
            )
            .fetch_all(pool.inner())
            .await
        }
        Kind::Workflow => {
            sqlx::query_as!(
                LiveRow,
                r#"select w.uid, w.tenant_id, t.namespace as "namespace?", w.name, w.resource_version
                   from workflows w join tenants t on t.id = w.tenant_id
                   where (w.tenant_id, w.name) > ($1, $2) order by w.tenant_id, w.name limit $3"#,
                tenant,
                name,
                limit
            )
            .fetch_all(pool.inner())
            .await
        }
        Kind::WorkflowRun => {
            sqlx::query_as!(
                LiveRow,
                r#"select r.uid, r.tenant_id, t.namespace as "namespace?", r.name, r.resource_version
                   from workflow_runs r join tenants t on t.id = r.tenant_id
                   where r.live and (r.tenant_id, r.name) > ($1, $2) order by r.tenant_id, r.name limit $3"#,
                tenant,
                name,
                limit
            )
            .fetch_all(pool.inner())
            .await
        }
    };
    rows.map_err(Error::database("read rows"))
}
