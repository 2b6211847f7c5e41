//! Workflows of a tenant.

use std::collections::{BTreeMap, BTreeSet};

use domain::permission::Permission;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    ContentSize, Count, Created, Error, InlineContent, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_created, push_keyset},
    rights::{Target, push_rights},
};
use crate::{auth::ConditionalRights, db::Timestamp};

const READ: Permission = Permission::WORKFLOW_READ;

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

impl WorkflowState {
    /// Returns the value in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
        }
    }
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
    /// Creation times that rows must have.
    pub created: Created,
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
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::default();
    push_list(&mut sql, tenant, rights.as_deref(), query);
    let rows = sql
        .build_query_as::<Workflow>()
        .fetch_all(connection)
        .await
        .map_err(Error::query("list workflows"))?;
    Ok(page(rows, query.limit, |workflow| Position { created_at: workflow.created_at, id: workflow.id }))
}

/// Appends the statement of [`list`].
pub(in crate::store) fn push_list(
    sql: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    rights: Option<&ConditionalRights>,
    query: Query,
) {
    sql.push(
        "select id, name, display_name, description, state, revision, valid, generation, \
         resource_version, created_at, updated_at ",
    );
    push_selection(sql, tenant, rights, query);
    push_keyset(sql, query.order, query.after, query.limit);
}

/// Counts the tenant's workflows that the filters of a query select, on all pages.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, query: Query) -> Result<Count, Error> {
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant, rights.as_deref(), query);
    push_count_end(&mut sql);
    let rows =
        sql.build_query_scalar().fetch_one(connection).await.map_err(Error::query("count workflows"))?;
    Ok(Count::new(rows))
}

fn push_selection(
    sql: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    rights: Option<&ConditionalRights>,
    query: Query,
) {
    let Query { state, created, order, after, limit: _ } = query;
    sql.push("from workflows where tenant_id = ").push_bind(tenant);
    if let Some(state) = state {
        sql.push(" and state = ").push_bind(state);
    }
    push_created(sql, created, order, after);
    push_rights(sql, rights, READ, Target::Workflows);
}

/// Returns one workflow, or `None` if it does not exist or the principal cannot read it.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Workflow>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the workflows with these IDs that exist and that the principal can read, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Workflow>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let found = sqlx::query_as!(
        Workflow,
        "select id, name, display_name, description, state, revision, valid, generation,
                resource_version, created_at, updated_at
         from workflows where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read workflows"))?;
    tx.retain_permitted(found, |workflow| workflow.id, READ, Target::Workflows).await
}

/// Workflow with the size of its content, and with the content if it was requested and is small enough.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundWorkflow {
    /// Row of the workflow.
    pub workflow: Workflow,
    /// Size of the content; zero if no content was requested.
    pub size: ContentSize,
    /// Content of the workflow.
    pub content: Option<WorkflowContent>,
}

/// Returns one workflow with its content if that is small, or `None` if it does not exist or the principal cannot read it.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn read(
    tx: &mut TenantTx,
    id: Uuid,
    inline: InlineContent,
) -> Result<Option<FoundWorkflow>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"select id, name, display_name, description, state, revision, valid, generation, resource_version, created_at,
                  updated_at, s.text as "text!", s.decoded as "decoded!", s.decoded <= $3::bigint as "is_inline!",
                  case when s.decoded <= $3 then problems end as problems,
                  case when s.decoded <= $3 then spec end as spec
           from workflows
           cross join lateral (
             select coalesce(sum(octet_length(v::text)), 0)::bigint as text,
                    coalesce(sum(decoded_bytes(v)), 0)::bigint as decoded
             from unnest(array[problems, spec]) as v where $3::bigint >= 0
           ) s
           where tenant_id = $1 and id = $2"#,
        tenant,
        id,
        inline.limit()
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read a workflow"))?;
    if !tx.is_permitted(id, READ, Target::Workflows).await? {
        return Ok(None);
    }
    Ok(row.map(|row| FoundWorkflow {
        size: ContentSize::from_sums(row.text, row.decoded),
        content: row.is_inline.then(|| WorkflowContent {
            id: row.id,
            problems: row.problems.unwrap_or_default(),
            spec: row.spec.unwrap_or_default(),
        }),
        workflow: Workflow {
            id: row.id,
            name: row.name,
            display_name: row.display_name,
            description: row.description,
            state: row.state,
            revision: row.revision,
            valid: row.valid,
            generation: row.generation,
            resource_version: row.resource_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
    }))
}

/// Object of a workflow in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowIdentity {
    /// UID of the object.
    pub uid: Uuid,
    /// Name of the object.
    pub name: String,
}

/// Returns the object of a workflow, or `None` if the workflow does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn identity(tx: &mut TenantTx, id: Uuid) -> Result<Option<WorkflowIdentity>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        WorkflowIdentity,
        r#"select uid as "uid!", name from workflows where tenant_id = $1 and id = $2 and uid is not null"#,
        tenant,
        id
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find the object of a workflow"))
}

/// Workflow whose revisions are in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionOwner {
    /// ID of the workflow.
    pub id: Uuid,
    /// UID of the object.
    pub uid: Uuid,
    /// Name of the object.
    pub name: String,
    /// Name of the revision that new runs execute.
    pub revision: Option<String>,
}

/// Returns the workflows with these IDs whose objects exist, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn revision_owners(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<RevisionOwner>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let found = sqlx::query_as!(
        RevisionOwner,
        r#"select id, uid as "uid!", name, revision from workflows
           where tenant_id = $1 and id = any($2) and uid is not null"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("find the objects of workflows"))?;
    tx.retain_permitted(found, |workflow| workflow.id, READ, Target::Workflows).await
}

/// Returns the ID of the workflow with this name.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn id_of_name(tx: &mut TenantTx, name: &str) -> Result<Option<Uuid>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!("select id from workflows where tenant_id = $1 and name = $2", tenant, name)
        .fetch_optional(connection)
        .await
        .map_err(Error::query("find a workflow by its name"))
}

/// Returns the number of the tenant's workflows.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn total(tx: &mut TenantTx) -> Result<u64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let count =
        sqlx::query_scalar!(r#"select count(*) as "count!" from workflows where tenant_id = $1"#, tenant)
            .fetch_one(connection)
            .await
            .map_err(Error::query("count workflows"))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Returns the workflows of these names and all that they run, directly or by others, each with the names of those that it
/// runs. Names that do not exist are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn callees(
    tx: &mut TenantTx,
    names: &[String],
) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let rows = sqlx::query!(
        r#"with recursive reached(name) as (
             select unnest($2::text[])
             union
             select step -> 'workflow' ->> 'name'
             from reached
             join workflows w on w.tenant_id = $1 and w.name = reached.name
             cross join lateral unnest(array[without_nul(w.spec) -> 'steps', without_nul(w.spec) -> 'onExit']) as steps
             cross join lateral json_array_elements(steps) as step
             where step -> 'workflow' ->> 'name' is not null
           )
           select w.name, array(
             select step -> 'workflow' ->> 'name'
             from unnest(array[without_nul(w.spec) -> 'steps', without_nul(w.spec) -> 'onExit']) as steps
             cross join lateral json_array_elements(steps) as step
             where step -> 'workflow' ->> 'name' is not null
           ) as "calls!"
           from workflows w where w.tenant_id = $1 and w.name in (select name from reached)"#,
        tenant,
        names
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("find the workflows that a workflow runs"))?;
    Ok(rows.into_iter().map(|row| (row.name, row.calls.into_iter().collect())).collect())
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
