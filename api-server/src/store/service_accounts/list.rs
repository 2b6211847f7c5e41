//! Lists of service accounts.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::ServiceAccount;
use crate::store::{
    Count, Error, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_keyset},
};

/// Options of a list of service accounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists service accounts of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<ServiceAccount>, Error> {
    let mut sql = QueryBuilder::new(
        "select id, name, description, created_at, array(\
         select role from service_account_roles r \
         where r.tenant_id = s.tenant_id and r.service_account_id = s.id order by role) as roles",
    );
    let (connection, tenant) = tx.connection_and_tenant();
    push_selection(&mut sql, tenant);
    push_keyset(&mut sql, query.order, query.after, query.limit);
    let rows = sql.build_query_as::<ServiceAccount>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list service accounts"))?;
    Ok(page(rows, query.limit, |account| Position { created_at: account.created_at, id: account.id }))
}

/// Counts the service accounts of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await;
    rows.map(Count::new).map_err(Error::query("count service accounts"))
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, tenant: Uuid) {
    sql.push(" from service_accounts s where tenant_id = ").push_bind(tenant);
}
