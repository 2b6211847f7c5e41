//! Workflows of a tenant.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    ContentSize, Error, Limit, Order, Page, Position, TenantTx,
    page::{page, push_created_after, push_keyset},
};
use crate::db::Timestamp;

/// Desired state of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowState {
    /// The workflow can be run.
    Active,
    /// The workflow cannot be run and is retained for its history.
    Archived,
}

/// Row of a workflow without its large columns, which are in [`WorkflowContent`].
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Workflow {
    /// ID: the UID under which the object was first mirrored.
    pub id: Uuid,
    /// Name of the object.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: String,
    /// Desired state.
    pub state: WorkflowState,
    /// Name of the newest revision; `None` until the operator has created one.
    pub revision: Option<String>,
    /// Whether the workflow is valid; `None` until the operator has validated the current generation.
    pub valid: Option<bool>,
    /// Generation: number of changes of the spec, starting at 1.
    pub generation: i64,
    /// Resource version of the object.
    pub resource_version: i64,
    /// Creation time of the object.
    pub created_at: Timestamp,
    /// Time of the last write of the object.
    pub updated_at: Timestamp,
}

/// Spec and problems of a workflow, at most 1 MiB together.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowContent {
    /// ID of the workflow.
    pub id: Uuid,
    /// Problems that the validation found: a list of `{path, code, message}`.
    pub problems: Value,
    /// Complete spec of the object.
    pub spec: Value,
}

/// Options of a list of workflows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// State that workflows must have; all states if `None`.
    pub state: Option<WorkflowState>,
    /// Creation time after which rows match; all rows if `None`.
    pub created_after: Option<Timestamp>,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists the tenant's workflows.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Workflow>, Error> {
    let Query { state, created_after, order, after, limit } = query;
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select id, name, display_name, description, state, revision, valid, generation, \
         resource_version, created_at, updated_at from workflows where tenant_id = ",
    );
    sql.push_bind(tenant);
    if let Some(state) = state {
        sql.push(" and state = ").push_bind(state);
    }
    push_created_after(&mut sql, created_after);
    push_keyset(&mut sql, order, after, limit);
    let rows = sql
        .build_query_as::<Workflow>()
        .fetch_all(connection)
        .await
        .map_err(Error::query("list workflows"))?;
    Ok(page(rows, limit, |workflow| Position { created_at: workflow.created_at, id: workflow.id }))
}

/// Returns one workflow, or `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Workflow>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the workflows with these IDs that exist, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Workflow>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Workflow,
        "select id, name, display_name, description, state, revision, valid, generation,
                resource_version, created_at, updated_at
         from workflows where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read workflows"))
}

/// Returns the contents of the workflows with these IDs, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn contents(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<WorkflowContent>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        WorkflowContent,
        "select id, problems, spec from workflows where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the contents of workflows"))
}

/// Returns the size of the contents of the workflows with these IDs.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn content_size(tx: &mut TenantTx, ids: &[Uuid]) -> Result<ContentSize, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"select coalesce(sum(octet_length(v::text)), 0)::bigint as "text!",
                  coalesce(sum(decoded_bytes(v)), 0)::bigint as "decoded!"
         from workflows, unnest(array[problems, spec]) as v where tenant_id = $1 and id = any($2)"#,
        tenant,
        ids
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("measure the contents of workflows"))?;
    Ok(ContentSize::from_sums(row.text, row.decoded))
}
