//! Events: the changes of a tenant's objects, in one sequence that has no gaps.

use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Error, Limit, TenantTx};
use crate::db::Timestamp;

/// Change of an object of a tenant.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Event {
    /// Number of the event among those of the tenant, starting at 1.
    pub seq: i64,
    /// Kind of the object: `TENANT`, `WORKFLOW` or `WORKFLOW_RUN`.
    pub kind: String,
    /// ID of the object.
    pub object_id: Uuid,
    /// Kind of the change: `CREATED`, `UPDATED` or `DELETED`.
    pub change: String,
    /// Some fields of the object after the change.
    pub data: Value,
    /// Time at which the change was stored.
    pub at: Timestamp,
}

/// Events that a list reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// The first events with a higher number.
    After(i64),
    /// The last events with a lower number.
    Before(i64),
    /// The last events of all.
    Last,
}

/// Options of a list of events.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Object of the events; all objects of the tenant if `None`.
    pub object: Option<Uuid>,
    /// Events that the list reads.
    pub range: Range,
    /// Maximum number of events.
    pub limit: Limit,
}

/// Events in the order of their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// Events, at most as many as the limit.
    pub items: Vec<Event>,
    /// Whether there are more events in the direction of reading: those that follow now, or those that precede a list that was
    /// read from its end.
    pub has_more: bool,
}

/// Columns of [`Event`].
const COLUMNS: &str = "seq, kind, object_id, change, data, at";

/// Lists events of the tenant, oldest first.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Events, Error> {
    let (limit, range) = (query.limit, query.range);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::default();
    push_list(&mut sql, tenant, query);
    let items =
        sql.build_query_as::<Event>().fetch_all(connection).await.map_err(Error::query("list events"))?;
    Ok(page(items, range, limit))
}

/// Lists events of each of these objects of the tenant, oldest first, in one statement.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list_by_objects(
    tx: &mut TenantTx,
    objects: &[Uuid],
    range: Range,
    limit: Limit,
) -> Result<Vec<(Uuid, Events)>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new("select e.* from unnest(");
    sql.push_bind(objects.to_vec());
    sql.push(format_args!(
        "::uuid[]) as o (id) cross join lateral (select {COLUMNS} from events where tenant_id = "
    ));
    sql.push_bind(tenant).push(" and object_id = o.id");
    push_range(&mut sql, range, limit);
    sql.push(") e");
    let rows = sql.build_query_as::<Event>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list events of objects"))?;
    // The rows are in order within each object.
    let own = |object: Uuid| rows.iter().filter(|event| event.object_id == object).cloned().collect();
    Ok(objects.iter().map(|object| (*object, page(own(*object), range, limit))).collect())
}

/// Returns the events of the tenant with these numbers, in no particular order. Unknown numbers are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_numbers(tx: &mut TenantTx, numbers: &[i64]) -> Result<Vec<Event>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new("select ");
    sql.push(COLUMNS).push(" from events where tenant_id = ").push_bind(tenant);
    sql.push(" and seq = any(").push_bind(numbers.to_vec()).push(")");
    let rows = sql.build_query_as::<Event>().fetch_all(connection).await;
    rows.map_err(Error::query("read events"))
}

/// Builds a page from rows in the order of [`push_range`].
fn page(mut items: Vec<Event>, range: Range, limit: Limit) -> Events {
    let has_more = items.len() > limit.get();
    items.truncate(limit.get());
    if range.is_read_backward() {
        items.reverse();
    }
    Events { items, has_more }
}

impl Range {
    fn is_read_backward(self) -> bool {
        match self {
            Self::After(_) => false,
            Self::Before(_) | Self::Last => true,
        }
    }
}

/// Appends the statement of [`list`].
pub(in crate::store) fn push_list(sql: &mut QueryBuilder<Postgres>, tenant: Uuid, query: Query) {
    let Query { object, range, limit } = query;
    sql.push("select ").push(COLUMNS).push(" from events where tenant_id = ").push_bind(tenant);
    if let Some(object) = object {
        sql.push(" and object_id = ").push_bind(object);
    }
    push_range(sql, range, limit);
}

/// Appends the condition, order and limit of a range.
fn push_range(sql: &mut QueryBuilder<Postgres>, range: Range, limit: Limit) {
    match range {
        Range::After(number) => sql.push(" and seq > ").push_bind(number).push(" order by seq"),
        Range::Before(number) => sql.push(" and seq < ").push_bind(number).push(" order by seq desc"),
        Range::Last => sql.push(" order by seq desc"),
    };
    sql.push(" limit ").push_bind(limit.with_next());
}
