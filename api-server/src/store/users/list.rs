//! Lists of users.

use sqlx::{Postgres, QueryBuilder};

use super::{User, UserStatus};
use crate::store::{
    Count, Created, Error, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_created, push_keyset},
};

/// Options of a list of users.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Status that users must have; any if `None`.
    pub status: Option<UserStatus>,
    /// Role that users must have; any if `None`.
    pub role: Option<String>,
    /// Form of the address that is compared; any if `None`.
    pub email_key: Option<String>,
    /// Creation times of the users.
    pub created: Created,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists users of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<User>, Error> {
    let (order, after, limit) = (query.order, query.after, query.limit);
    let mut sql = QueryBuilder::new(
        "select id, email, display_name, status, picture_url, version, created_at, updated_at, array(\
         select role from user_roles r where r.tenant_id = u.tenant_id and r.user_id = u.id order by role) as roles",
    );
    let (connection, tenant) = tx.connection_and_tenant();
    push_selection(&mut sql, tenant, query);
    push_keyset(&mut sql, order, after, limit);
    let rows = sql.build_query_as::<User>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list users"))?;
    Ok(page(rows, limit, |user| Position { created_at: user.created_at, id: user.id }))
}

/// Counts the users of the tenant that match.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, query: Query) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant, query);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await;
    rows.map(Count::new).map_err(Error::query("count users"))
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, tenant: uuid::Uuid, query: Query) {
    let Query { status, role, email_key, created, order, after, limit: _ } = query;
    sql.push(" from users u where tenant_id = ").push_bind(tenant);
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(status);
    }
    if let Some(role) = role {
        sql.push(" and exists (select from user_roles r where r.tenant_id = u.tenant_id and r.user_id = u.id and r.role = ");
        sql.push_bind(role).push(")");
    }
    if let Some(key) = email_key {
        sql.push(" and email_key = ").push_bind(key);
    }
    push_created(sql, created, order, after);
}
