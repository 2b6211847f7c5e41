//! Workflows in the projection.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    decide::{Known, Place, place},
    event::{self, Event, What},
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, WorkflowRow},
};

pub(super) async fn put(connection: &mut PgConnection, tenant: Uuid, row: &WorkflowRow) -> Result<(), Error> {
    let Meta { uid, name, resource_version, .. } = &row.meta;
    let known = sqlx::query_as!(
        Known,
        "select id, uid, resource_version from workflows where uid = $1 or (tenant_id = $2 and name = $3)",
        uid,
        tenant,
        name
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::database("find a workflow"))?;
    let Some(Place { id, what, replaces }) = place(*uid, *resource_version, &known) else { return Ok(()) };
    if let Some(old) = replaces {
        remove(connection, old, *resource_version).await?;
    }
    store(connection, id, tenant, row).await?;
    if what == What::Created {
        adopt_runs(connection, id, tenant, name).await?;
    }
    let data = json!({"name": name, "state": row.state});
    event::write(connection, Event { tenant, kind: Kind::Workflow, id, what, data }).await
}

/// The row of an object.
pub(super) async fn id_of(connection: &mut PgConnection, uid: Uuid) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from workflows where uid = $1", uid)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("find a workflow"))
}

/// Runs that were seen before their workflow.
async fn adopt_runs(connection: &mut PgConnection, id: Uuid, tenant: Uuid, name: &str) -> Result<(), Error> {
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
    .map_err(Error::database("give runs their workflow"))
}

/// Deletes the row of an object that is gone, unless it is newer than that.
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
    let event = Event { tenant: row.tenant_id, kind: Kind::Workflow, id: row.id, what: What::Deleted, data };
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
