//! Rows of workflows.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    decide::{ExistingRow, TargetRow, target_row},
    event::{self, ChangeKind, Event},
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, WorkflowRow},
};

/// Stores a workflow of a tenant, unless the stored row is as new or newer.
pub(super) async fn upsert(
    connection: &mut PgConnection,
    tenant: Uuid,
    row: &WorkflowRow,
) -> Result<(), Error> {
    let Meta { uid, name, resource_version, .. } = &row.meta;
    let existing = sqlx::query_as!(
        ExistingRow,
        "select id, uid, resource_version from workflows where uid = $1 or (tenant_id = $2 and name = $3)",
        uid,
        tenant,
        name
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::database("find a workflow"))?;
    let Some(TargetRow { id, change, replaces }) = target_row(*uid, *resource_version, &existing) else {
        return Ok(());
    };
    if let Some(old) = replaces {
        remove(connection, old, *resource_version).await?;
    }
    store(connection, id, tenant, row).await?;
    if change == ChangeKind::Created {
        link_runs(connection, id, tenant, name).await?;
    }
    let data = json!({"name": name, "state": row.state});
    event::write(connection, Event { tenant, kind: Kind::Workflow, id, change, data }).await
}

/// Returns the ID of the row of the object with this UID.
pub(super) async fn find_id(connection: &mut PgConnection, uid: Uuid) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from workflows where uid = $1", uid)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("find a workflow"))
}

/// Links runs to their workflow that were stored before it.
async fn link_runs(connection: &mut PgConnection, id: Uuid, tenant: Uuid, name: &str) -> Result<(), Error> {
    sqlx::query!(
        "update workflow_runs set workflow_id = $1
         where tenant_id = $2 and workflow_name = $3 and workflow_id is null",
        id,
        tenant,
        name
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("link runs to their workflow"))
}

/// Deletes a row, unless its resource version is higher than `up_to`.
pub(super) async fn remove(connection: &mut PgConnection, id: Uuid, up_to: i64) -> Result<(), Error> {
    let row = sqlx::query!(
        "delete from workflows where id = $1 and resource_version <= $2 returning id, tenant_id, name",
        id,
        up_to
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::database("delete a workflow"))?;
    let Some(row) = row else { return Ok(()) };
    let data = json!({"name": row.name});
    let event =
        Event { tenant: row.tenant_id, kind: Kind::Workflow, id: row.id, change: ChangeKind::Deleted, data };
    event::write(connection, event).await
}

async fn store(
    connection: &mut PgConnection,
    id: Uuid,
    tenant: Uuid,
    row: &WorkflowRow,
) -> Result<(), Error> {
    let WorkflowRow { meta, display_name, description, state, revision, valid, problems, spec, status } = row;
    let Meta { uid, name, resource_version, generation, created_at, updated_at } = meta;
    sqlx::query!(
        "insert into workflows (id, uid, tenant_id, name, resource_version, generation, created_at, updated_at,
                                display_name, description, state, revision, valid, problems, spec, status)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict (id) do update set
           uid = excluded.uid, tenant_id = excluded.tenant_id, name = excluded.name,
           resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           display_name = excluded.display_name, description = excluded.description, state = excluded.state,
           revision = excluded.revision, valid = excluded.valid, problems = excluded.problems,
           spec = excluded.spec, status = excluded.status",
        id,
        uid,
        tenant,
        name,
        resource_version,
        generation,
        *created_at,
        *updated_at,
        display_name,
        description,
        *state as _,
        revision.as_deref(),
        *valid,
        Json(problems) as _,
        Json(spec) as _,
        Json(status) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store a workflow"))
}
