//! Tenants, as requests see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Error, Limit, Order, Page, PlatformTx, Position, TenantTx,
    page::{page, push_keyset},
};
use crate::db::{AppPool, Timestamp};

/// Whether a tenant may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantState {
    /// Everything works.
    Active,
    /// Reads go on; nothing is written and no run starts.
    Suspended,
    /// As suspended, and kept read-only.
    Archived,
}

/// A tenant's row.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Tenant {
    /// The uid under which it was first seen.
    pub id: Uuid,
    /// The name of its object.
    pub slug: String,
    /// Its name for people.
    pub display_name: String,
    /// Whether it may work.
    pub state: TenantState,
    /// The name of its plan.
    pub plan_name: String,
    /// Its namespace in Kubernetes.
    pub namespace: String,
    /// Free settings.
    pub settings: Value,
    /// The version of the object that the row shows.
    pub resource_version: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// The tenant that a verified token names; of all tenants, this query sees no other.
///
/// # Errors
/// The query fails.
pub async fn by_slug(pool: &AppPool, slug: &str) -> Result<Option<Tenant>, Error> {
    let mut tx = pool.inner().begin().await.map_err(Error::Begin)?;
    sqlx::query!("select set_config('app.tenant_slug', $1, true)", slug)
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::Begin)?;
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, resource_version,
                created_at, updated_at
         from tenants where slug = $1 and deleted_at is null",
        slug
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::query("find a tenant by its slug"))
}

/// The transaction's own tenant.
///
/// # Errors
/// The query fails.
pub async fn current(tx: &mut TenantTx) -> Result<Option<Tenant>, Error> {
    let (connection, tenant) = tx.parts();
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, resource_version,
                created_at, updated_at
         from tenants where id = $1 and deleted_at is null",
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the tenant"))
}

/// Any tenant, for the platform.
///
/// # Errors
/// The query fails.
pub async fn get(tx: &mut PlatformTx, id: Uuid) -> Result<Option<Tenant>, Error> {
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, resource_version,
                created_at, updated_at
         from tenants where id = $1 and deleted_at is null",
        id
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::query("read a tenant"))
}

/// The id of the tenant that a namespace belongs to.
///
/// # Errors
/// The query fails.
pub async fn id_of_namespace(tx: &mut PlatformTx, namespace: &str) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from tenants where namespace = $1 and deleted_at is null", namespace)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::query("find the tenant of a namespace"))
}

/// Which tenants to list, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Only those in this state.
    pub state: Option<TenantState>,
    /// Only those created after this time.
    pub created_after: Option<Timestamp>,
    /// Which end to begin at.
    pub order: Order,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// How many.
    pub limit: Limit,
}

/// All tenants, for the platform.
///
/// # Errors
/// The query fails.
pub async fn list(tx: &mut PlatformTx, query: Query) -> Result<Page<Tenant>, Error> {
    let Query { state, created_after, order, after, limit } = query;
    let mut sql = QueryBuilder::new(
        "select id, slug, display_name, state, plan_name, namespace, settings, resource_version, \
         created_at, updated_at from tenants where deleted_at is null",
    );
    if let Some(state) = state {
        sql.push(" and state = ").push_bind(state);
    }
    if let Some(created_after) = created_after {
        sql.push(" and created_at > ").push_bind(created_after);
    }
    push_keyset(&mut sql, order, after, limit);
    let rows = sql
        .build_query_as::<Tenant>()
        .fetch_all(tx.connection())
        .await
        .map_err(Error::query("list tenants"))?;
    Ok(page(rows, limit, |tenant| Position { created_at: tenant.created_at, id: tenant.id }))
}
