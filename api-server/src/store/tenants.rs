//! Tenants.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Error, Limit, Order, Page, PlatformTx, Position, TenantTx,
    page::{page, push_created_after, push_keyset},
};
use crate::{
    auth::FoundTenant,
    db::{AppPool, Timestamp},
};

/// Desired state of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantState {
    /// The tenant can be read and written, and runs are started.
    Active,
    /// The tenant can be read; writes are refused and no run is started.
    Suspended,
    /// The tenant is suspended permanently and retained read-only.
    Archived,
}

/// Row of a tenant.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Tenant {
    /// ID: the UID under which the object was first mirrored.
    pub id: Uuid,
    /// Name of the object.
    pub slug: String,
    /// Display name.
    pub display_name: String,
    /// Desired state.
    pub state: TenantState,
    /// Name of the plan.
    pub plan_name: String,
    /// Namespace in Kubernetes.
    pub namespace: String,
    /// Free-form settings.
    pub settings: Value,
    /// Resource version of the object.
    pub resource_version: i64,
    /// Creation time of the object.
    pub created_at: Timestamp,
    /// Time of the last write of the object.
    pub updated_at: Timestamp,
}

/// Returns the tenant with the slug of a verified token. The query can access the row of no other tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_slug(pool: &AppPool, slug: &str) -> Result<Option<FoundTenant>, Error> {
    let mut tx = pool.inner().begin().await.map_err(Error::Begin)?;
    sqlx::query!("select set_config('app.tenant_slug', $1, true)", slug)
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::Begin)?;
    let row = sqlx::query!(
        r#"select t.id, p.limits ->> 'apiRequestsPerMinute' as "requests_per_minute"
         from tenants t left join plans p on p.name = t.plan_name
         where t.slug = $1 and t.deleted_at is null"#,
        slug
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::query("find a tenant by its slug"))?;
    Ok(row.map(|row| FoundTenant {
        id: row.id,
        requests_per_minute: row.requests_per_minute.and_then(|limit| requests_per_minute(&limit)),
    }))
}

/// Reads a limit. Plans of before its minimum may have 0.
fn requests_per_minute(limit: &str) -> Option<NonZeroU32> {
    Some(NonZeroU32::new(limit.parse().ok()?).unwrap_or(NonZeroU32::MIN))
}

/// Returns the tenant of the transaction, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn current(tx: &mut TenantTx) -> Result<Option<Tenant>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
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

/// Returns any tenant, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
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

/// Returns the ID of the tenant that a namespace belongs to.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn id_of_namespace(tx: &mut PlatformTx, namespace: &str) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from tenants where namespace = $1 and deleted_at is null", namespace)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::query("find the tenant of a namespace"))
}

/// Options of a list of tenants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// State that tenants must have; all states if `None`.
    pub state: Option<TenantState>,
    /// Creation time after which rows match; all rows if `None`.
    pub created_after: Option<Timestamp>,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists all tenants, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut PlatformTx, query: Query) -> Result<Page<Tenant>, Error> {
    let Query { state, created_after, order, after, limit } = query;
    let mut sql = QueryBuilder::new(
        "select id, slug, display_name, state, plan_name, namespace, settings, resource_version, \
         created_at, updated_at from tenants where deleted_at is null",
    );
    if let Some(state) = state {
        sql.push(" and state = ").push_bind(state);
    }
    push_created_after(&mut sql, created_after);
    push_keyset(&mut sql, order, after, limit);
    let rows = sql
        .build_query_as::<Tenant>()
        .fetch_all(tx.connection())
        .await
        .map_err(Error::query("list tenants"))?;
    Ok(page(rows, limit, |tenant| Position { created_at: tenant.created_at, id: tenant.id }))
}
