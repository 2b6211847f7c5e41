//! Plans, which all tenants can read.

use serde_json::Value;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::{
    Count, Error, Limit, Order, Page, PlatformTx, Position, TenantTx,
    page::{count_query, page, push_count_end, push_keyset},
};
use crate::db::Timestamp;

/// Row of a plan.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Plan {
    /// ID: the UID under which the object was first mirrored.
    pub id: Uuid,
    /// Name of the object, which tenants refer to.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Price as `{currency, amountMinor, interval}`, if the plan has one.
    pub price: Option<Value>,
    /// Features that the plan enables.
    pub features: Vec<String>,
    /// Limits; an absent limit means unlimited.
    pub limits: Value,
    /// Resource version of the object.
    pub resource_version: i64,
    /// Creation time of the object.
    pub created_at: Timestamp,
    /// Time of the last write of the object.
    pub updated_at: Timestamp,
}

/// Options of a list of plans.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists all plans.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Plan>, Error> {
    let Query { order, after, limit } = query;
    let (connection, _) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select id, name, display_name, price, features, limits, resource_version, created_at, updated_at \
         from plans where true",
    );
    push_keyset(&mut sql, order, after, limit);
    let rows =
        sql.build_query_as::<Plan>().fetch_all(connection).await.map_err(Error::query("list plans"))?;
    Ok(page(rows, limit, |plan| Position { created_at: plan.created_at, id: plan.id }))
}

/// Counts all plans.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx) -> Result<Count, Error> {
    let (connection, _) = tx.connection_and_tenant();
    let mut sql = count_query();
    sql.push("from plans");
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await.map_err(Error::query("count plans"))?;
    Ok(Count::new(rows))
}

/// Returns the plans with these names that exist, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_names(tx: &mut TenantTx, names: &[String]) -> Result<Vec<Plan>, Error> {
    read_by_names(tx.connection_and_tenant().0, names).await
}

/// Returns the plans with these names that exist, in no particular order, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_names_for_platform(tx: &mut PlatformTx, names: &[String]) -> Result<Vec<Plan>, Error> {
    read_by_names(tx.connection(), names).await
}

async fn read_by_names(connection: &mut PgConnection, names: &[String]) -> Result<Vec<Plan>, Error> {
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

/// Returns the limits of the tenant's plan, or `None` if the plan does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn limits_of_tenant(tx: &mut TenantTx) -> Result<Option<Value>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        "select plans.limits from plans join tenants on tenants.plan_name = plans.name where tenants.id = $1",
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the limits of a plan"))
}

/// What a plan says about workflows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Limits of the plan.
    pub limits: Value,
    /// Registries of container images; `None` if the plan names none.
    pub registries: Option<Value>,
}

/// Returns the rules of the tenant's plan, or `None` if the plan does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn rules_of_tenant(tx: &mut TenantTx) -> Result<Option<Rules>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Rules,
        "select plans.limits, plans.spec -> 'registries' as registries
         from plans join tenants on tenants.plan_name = plans.name where tenants.id = $1",
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the rules of a plan"))
}

/// Returns the plans with these IDs that exist, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Plan>, Error> {
    let (connection, _) = tx.connection_and_tenant();
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
