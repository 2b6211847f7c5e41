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

/// Options of a list of events.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Object of the events; all objects of the tenant if `None`.
    pub object: Option<Uuid>,
    /// Number after which the list begins.
    pub after: i64,
    /// Maximum number of events.
    pub limit: Limit,
}

/// Events in the order of their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// Events, at most as many as the limit.
    pub items: Vec<Event>,
    /// Whether more events follow now.
    pub has_more: bool,
}

/// Lists events of the tenant, oldest first.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Events, Error> {
    let limit = query.limit;
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::default();
    push_list(&mut sql, tenant, query);
    let mut items =
        sql.build_query_as::<Event>().fetch_all(connection).await.map_err(Error::query("list events"))?;
    let has_more = items.len() > limit.get();
    items.truncate(limit.get());
    Ok(Events { items, has_more })
}

/// Appends the statement of [`list`].
pub(in crate::store) fn push_list(sql: &mut QueryBuilder<Postgres>, tenant: Uuid, query: Query) {
    let Query { object, after, limit } = query;
    sql.push("select seq, kind, object_id, change, data, at from events where tenant_id = ")
        .push_bind(tenant);
    if let Some(object) = object {
        sql.push(" and object_id = ").push_bind(object);
    }
    sql.push(" and seq > ").push_bind(after).push(" order by seq limit ").push_bind(limit.with_next());
}
