//! Plans: the same for every tenant.

use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Error, Limit, Order, Page, Position, TenantTx,
    page::{page, push_keyset},
};
use crate::db::Timestamp;

/// A plan's row.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Plan {
    /// The uid under which it was first seen.
    pub id: Uuid,
    /// The name of its object, which tenants refer to.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// `{currency, amountMinor, interval}`, if it has one.
    pub price: Option<Value>,
    /// What it switches on.
    pub features: Vec<String>,
    /// Its limits; an absent one is unlimited.
    pub limits: Value,
    /// The version of the object that the row shows.
    pub resource_version: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// Which plans to list, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Which end to begin at.
    pub order: Order,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// How many.
    pub limit: Limit,
}

/// All plans.
///
/// # Errors
/// The query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Plan>, Error> {
    let Query { order, after, limit } = query;
    let (connection, _) = tx.parts();
    let mut sql = QueryBuilder::new(
        "select id, name, display_name, price, features, limits, resource_version, created_at, updated_at \
         from plans where true",
    );
    push_keyset(&mut sql, order, after, limit);
    let rows =
        sql.build_query_as::<Plan>().fetch_all(connection).await.map_err(Error::query("list plans"))?;
    Ok(page(rows, limit, |plan| Position { created_at: plan.created_at, id: plan.id }))
}

/// The plans of these names that exist, in no order.
///
/// # Errors
/// The query fails.
pub async fn by_names(tx: &mut TenantTx, names: &[String]) -> Result<Vec<Plan>, Error> {
    let (connection, _) = tx.parts();
    sqlx::query_as!(
        Plan,
        "select id, name, display_name, price, features, limits, resource_version, created_at, updated_at
         from plans where name = any($1)",
        names
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read plans by name"))
}

/// The plans of these ids that exist, in no order.
///
/// # Errors
/// The query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Plan>, Error> {
    let (connection, _) = tx.parts();
    sqlx::query_as!(
        Plan,
        "select id, name, display_name, price, features, limits, resource_version, created_at, updated_at
         from plans where id = any($1)",
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read plans by id"))
}
