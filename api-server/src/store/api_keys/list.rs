//! Lists of API keys.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::ApiKey;
use crate::store::{
    Count, Error, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_keyset},
};

/// Options of a list of API keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// User that owns the keys; any owner if `None`.
    pub user: Option<Uuid>,
    /// Service account that owns the keys; any owner if `None`.
    pub service_account: Option<Uuid>,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists API keys of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<ApiKey>, Error> {
    let mut sql = QueryBuilder::new(
        "select id, user_id, service_account_id, name, prefix, scopes, expires_at, last_used_at, created_at",
    );
    let (connection, tenant) = tx.connection_and_tenant();
    push_selection(&mut sql, tenant, query);
    push_keyset(&mut sql, query.order, query.after, query.limit);
    let rows = sql.build_query_as::<ApiKey>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list API keys"))?;
    Ok(page(rows, query.limit, |key| Position { created_at: key.created_at, id: key.id }))
}

/// Counts the API keys of the tenant that match.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, query: Query) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant, query);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await;
    rows.map(Count::new).map_err(Error::query("count API keys"))
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, tenant: Uuid, query: Query) {
    let Query { user, service_account, order: _, after: _, limit: _ } = query;
    sql.push(" from api_keys where tenant_id = ").push_bind(tenant);
    if let Some(user) = user {
        sql.push(" and user_id = ").push_bind(user);
    }
    if let Some(service_account) = service_account {
        sql.push(" and service_account_id = ").push_bind(service_account);
    }
}
