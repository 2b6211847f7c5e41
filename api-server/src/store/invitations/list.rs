//! Lists of invitations.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::Invitation;
use crate::store::{
    Count, Error, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_keyset},
};

/// Lists invitations of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(
    tx: &mut TenantTx,
    order: Order,
    after: Option<Position>,
    limit: Limit,
) -> Result<Page<Invitation>, Error> {
    let mut sql = QueryBuilder::new("select * ");
    let (connection, tenant) = tx.connection_and_tenant();
    push_selection(&mut sql, tenant);
    push_keyset(&mut sql, order, after, limit);
    let rows = sql.build_query_as::<Invitation>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list invitations"))?;
    Ok(page(rows, limit, |invitation| Position { created_at: invitation.created_at, id: invitation.id }))
}

/// Counts the invitations of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await;
    rows.map(Count::new).map_err(Error::query("count invitations"))
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, tenant: Uuid) {
    sql.push(
        "from (select i.id, i.user_id, u.email, i.invited_by, i.expires_at, i.accepted_at, i.created_at, \
           i.delivery, i.delivery_failure, i.delivery_at \
         from invitations i join users u on u.tenant_id = i.tenant_id and u.id = i.user_id where i.tenant_id = ",
    );
    sql.push_bind(tenant).push(") listed where true");
}
