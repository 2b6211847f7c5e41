//! Lists of audit events: one item for each operation, with its outcome.

use serde_json::Value;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{ActorKind, Outcome, PLATFORM_CHAIN};
use crate::{
    db::Timestamp,
    store::{
        Count, Created, Error, Limit, Order, Page, PlatformTx, Position, TenantTx,
        page::{count_query, page, push_count_end, push_created, push_keyset},
    },
};

/// The columns of an event but its time and ID. An operation without an outcome is in progress.
const EVENTS: &str = ", i.tenant_id, i.operation, i.action, i.actor_kind, i.actor_issuer, i.actor_subject, i.actor_email, i.actor_roles,
     i.client_address, i.user_agent, i.request_id, i.traceparent, i.target,
     o.outcome, o.code, o.object_kind, o.object_id, o.object_name, o.changes, o.at as completed_at
   from audit_events i
   left join audit_events o on o.tenant_id = i.tenant_id and o.id = i.id and o.phase = 'OUTCOME'
   where i.phase = 'INTENT'
 ) e where tenant_id = ";

/// Time and ID of an event.
const POSITION: &str = "i.at as created_at, i.id";
/// Copy of [`POSITION`] for the events of one object: an index has both, and the object. It is null while the operation is in
/// progress, as the object is.
const POSITION_OF_OUTCOME: &str = "o.began_at as created_at, o.id";

/// Operation and its outcome.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct AuditEvent {
    /// ID of the operation.
    pub id: Uuid,
    /// Time at which the operation began.
    pub created_at: Timestamp,
    /// Entry of `operations.yaml`, or the name of a job.
    pub operation: String,
    /// Permission that the operation requires, or the name of a job.
    pub action: String,
    /// Kind of the actor.
    pub actor_kind: ActorKind,
    /// Issuer of the actor's token.
    pub actor_issuer: Option<String>,
    /// Identifier of the actor that the issuer has chosen.
    pub actor_subject: Option<String>,
    /// Email address of the actor.
    pub actor_email: Option<String>,
    /// Names of the actor's roles, as a JSON list.
    pub actor_roles: Option<Value>,
    /// Address of the client.
    pub client_address: Option<String>,
    /// `User-Agent` of the request.
    pub user_agent: Option<String>,
    /// ID of the request.
    pub request_id: Option<String>,
    /// `traceparent` of the request.
    pub traceparent: Option<String>,
    /// Path and query of the request.
    pub target: Option<String>,
    /// Outcome; `None` while the operation is in progress.
    pub outcome: Option<Outcome>,
    /// Code of the problem, if the operation did not succeed.
    pub code: Option<String>,
    /// Kind of the object.
    pub object_kind: Option<String>,
    /// ID of the object.
    pub object_id: Option<Uuid>,
    /// Name of the object in Kubernetes.
    pub object_name: Option<String>,
    /// Changed fields, as a JSON list of `{field, before, after}`.
    pub changes: Option<Value>,
    /// Time at which the operation ended.
    pub completed_at: Option<Timestamp>,
}

/// Options of a list of audit events.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Email address of the actor; all actors if `None`.
    pub actor: Option<String>,
    /// Action; all actions if `None`.
    pub action: Option<String>,
    /// ID of the object; all objects if `None`.
    pub object: Option<Uuid>,
    /// Times at which operations began.
    pub created: Created,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists the audit events of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<AuditEvent>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    list_chain(connection, tenant, query).await
}

/// Lists the audit events of the platform.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list_of_platform(tx: &mut PlatformTx, query: Query) -> Result<Page<AuditEvent>, Error> {
    list_chain(tx.connection(), PLATFORM_CHAIN, query).await
}

/// Returns the audit events of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<AuditEvent>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    by_ids_of_chain(connection, tenant, ids).await
}

/// Returns the audit events of the platform with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids_of_platform(tx: &mut PlatformTx, ids: &[Uuid]) -> Result<Vec<AuditEvent>, Error> {
    by_ids_of_chain(tx.connection(), PLATFORM_CHAIN, ids).await
}

/// Counts the audit events of the tenant that match.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, query: Query) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    count_chain(connection, tenant, query).await
}

/// Counts the audit events of the platform that match.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count_of_platform(tx: &mut PlatformTx, query: Query) -> Result<Count, Error> {
    count_chain(tx.connection(), PLATFORM_CHAIN, query).await
}

async fn list_chain(
    connection: &mut PgConnection,
    chain: Uuid,
    query: Query,
) -> Result<Page<AuditEvent>, Error> {
    let limit = query.limit;
    let mut sql = QueryBuilder::default();
    push_list(&mut sql, chain, query);
    let rows = sql.build_query_as::<AuditEvent>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list audit events"))?;
    Ok(page(rows, limit, |event| Position { created_at: event.created_at, id: event.id }))
}

async fn by_ids_of_chain(
    connection: &mut PgConnection,
    chain: Uuid,
    ids: &[Uuid],
) -> Result<Vec<AuditEvent>, Error> {
    let mut sql = QueryBuilder::new("select * ");
    push_events(&mut sql, chain, POSITION);
    sql.push(" and id = any(").push_bind(ids.to_vec()).push(")");
    let rows = sql.build_query_as::<AuditEvent>().fetch_all(connection).await;
    rows.map_err(Error::query("read audit events"))
}

/// Appends the statement of a list of a chain.
pub(in crate::store) fn push_list(sql: &mut QueryBuilder<Postgres>, chain: Uuid, query: Query) {
    let (order, after, limit) = (query.order, query.after, query.limit);
    sql.push("select * ");
    push_selection(sql, chain, query);
    push_keyset(sql, order, after, limit);
}

async fn count_chain(connection: &mut PgConnection, chain: Uuid, query: Query) -> Result<Count, Error> {
    let mut sql = count_query();
    push_selection(&mut sql, chain, query);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await;
    Ok(Count::new(rows.map_err(Error::query("count audit events"))?))
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, chain: Uuid, query: Query) {
    let Query { actor, action, object, created, order, after, limit: _ } = query;
    push_events(sql, chain, if object.is_some() { POSITION_OF_OUTCOME } else { POSITION });
    push_text(sql, "actor_email", actor);
    push_text(sql, "action", action);
    if let Some(object) = object {
        sql.push(" and object_id = ").push_bind(object);
    }
    push_created(sql, created, order, after);
}

fn push_events(sql: &mut QueryBuilder<Postgres>, chain: Uuid, position: &'static str) {
    sql.push("from (select ").push(position).push(EVENTS).push_bind(chain);
}

/// Appends the condition that a column has a text. Postgres stores no text with a NUL, and refuses to compare with one.
fn push_text(sql: &mut QueryBuilder<Postgres>, column: &'static str, text: Option<String>) {
    match text {
        Some(text) if text.contains('\0') => drop(sql.push(" and false")),
        Some(text) => drop(sql.push(" and ").push(column).push(" = ").push_bind(text)),
        None => {}
    }
}
