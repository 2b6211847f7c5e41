//! A tenant's workflows.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Error, Limit, Order, Page, Position, TenantTx,
    page::{page, push_keyset},
};
use crate::db::Timestamp;

/// Whether a workflow may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowState {
    /// It may.
    Active,
    /// It is kept for the record.
    Archived,
}

/// A workflow's row.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Workflow {
    /// The uid under which it was first seen.
    pub id: Uuid,
    /// The name of its object.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Whether it may be run.
    pub state: WorkflowState,
    /// The name of its newest revision, once the operator has made one.
    pub revision: Option<String>,
    /// Whether the operator found it sound; `None` as long as it has not looked at this version.
    pub valid: Option<bool>,
    /// What the operator found wrong: a list of `{path, code, message}`.
    pub problems: Value,
    /// The whole spec, as the object has it.
    pub spec: Value,
    /// Counts changes of the spec.
    pub generation: i64,
    /// The version of the object that the row shows.
    pub resource_version: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// Which workflows to list, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Only those in this state.
    pub state: Option<WorkflowState>,
    /// Only those created after this time.
    pub created_after: Option<Timestamp>,
    /// Which end to begin at.
    pub order: Order,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// How many.
    pub limit: Limit,
}

/// The tenant's workflows.
///
/// # Errors
/// The query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Workflow>, Error> {
    let Query { state, created_after, order, after, limit } = query;
    let (connection, tenant) = tx.parts();
    let mut sql = QueryBuilder::new(
        "select id, name, display_name, description, state, revision, valid, problems, spec, generation, \
         resource_version, created_at, updated_at from workflows where tenant_id = ",
    );
    sql.push_bind(tenant);
    if let Some(state) = state {
        sql.push(" and state = ").push_bind(state);
    }
    if let Some(created_after) = created_after {
        sql.push(" and created_at > ").push_bind(created_after);
    }
    push_keyset(&mut sql, order, after, limit);
    let rows = sql
        .build_query_as::<Workflow>()
        .fetch_all(connection)
        .await
        .map_err(Error::query("list workflows"))?;
    Ok(page(rows, limit, |workflow| Position { created_at: workflow.created_at, id: workflow.id }))
}

/// One workflow.
///
/// # Errors
/// The query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Workflow>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// The workflows of these ids that exist, in no order.
///
/// # Errors
/// The query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Workflow>, Error> {
    let (connection, tenant) = tx.parts();
    sqlx::query_as!(
        Workflow,
        "select id, name, display_name, description, state, revision, valid, problems, spec, generation,
                resource_version, created_at, updated_at
         from workflows where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read workflows"))
}
