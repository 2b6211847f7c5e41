//! Policies of a tenant.

use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Count, Error, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_keyset},
};
use crate::db::{Json, Timestamp};

/// Row of a policy.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Policy {
    /// ID.
    pub id: Uuid,
    /// Name, unique in the tenant without regard to case.
    pub name: String,
    /// Description.
    pub description: String,
    /// `ALLOW` or `DENY`.
    pub effect: String,
    /// Nodes of the permission tree.
    pub actions: Vec<String>,
    /// Selectors of resources.
    pub resources: Value,
    /// Conditions.
    pub conditions: Value,
    /// Number of changes, starting at 1.
    pub version: i64,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Fields of a policy that requests set.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyFields {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// `ALLOW` or `DENY`.
    pub effect: &'static str,
    /// Nodes of the permission tree.
    pub actions: Vec<String>,
    /// Selectors of resources.
    pub resources: Value,
    /// Conditions.
    pub conditions: Value,
}

/// Options of a list of policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists the tenant's policies.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Policy>, Error> {
    let Query { order, after, limit } = query;
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select id, name, description, effect, actions, resources, conditions, version, created_at, updated_at \
         from policies where tenant_id = ",
    );
    sql.push_bind(tenant);
    push_keyset(&mut sql, order, after, limit);
    let rows =
        sql.build_query_as::<Policy>().fetch_all(connection).await.map_err(Error::query("list policies"))?;
    Ok(page(rows, limit, |policy| Position { created_at: policy.created_at, id: policy.id }))
}

/// Counts the tenant's policies.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    sql.push("from policies where tenant_id = ").push_bind(tenant);
    push_count_end(&mut sql);
    let rows =
        sql.build_query_scalar().fetch_one(connection).await.map_err(Error::query("count policies"))?;
    Ok(Count::new(rows))
}

/// Returns the policies with these IDs that exist, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Policy>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Policy,
        "select id, name, description, effect, actions, resources, conditions, version, created_at, updated_at
         from policies where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read policies"))
}

/// Returns one policy, or `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Policy>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the ID of the policy with a name, without regard to case.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn id_of_name(tx: &mut TenantTx, name: &str) -> Result<Option<Uuid>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        "select id from policies where tenant_id = $1 and lower(name) = lower($2)",
        tenant,
        name
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find a policy by its name"))
}

/// Returns the number of the tenant's policies.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn total(tx: &mut TenantTx) -> Result<usize, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let total =
        sqlx::query_scalar!(r#"select count(*) as "count!" from policies where tenant_id = $1"#, tenant)
            .fetch_one(connection)
            .await
            .map_err(Error::query("count policies"))?;
    Ok(usize::try_from(total).unwrap_or_default())
}

/// Creates a policy.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn create(tx: &mut TenantTx, id: Uuid, fields: &PolicyFields) -> Result<(), Error> {
    let PolicyFields { name, description, effect, actions, resources, conditions } = fields;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into policies (id, tenant_id, name, description, effect, actions, resources, conditions)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        tenant,
        name,
        description,
        effect,
        actions,
        Json(resources) as _,
        Json(conditions) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("create a policy"))
}

/// Changes a policy.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn update(tx: &mut TenantTx, id: Uuid, fields: &PolicyFields) -> Result<(), Error> {
    let PolicyFields { name, description, effect, actions, resources, conditions } = fields;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update policies set name = $3, description = $4, effect = $5, actions = $6, resources = $7, conditions = $8,
                             version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        name,
        description,
        effect,
        actions,
        Json(resources) as _,
        Json(conditions) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change a policy"))
}

/// Deletes a policy that no role has.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from policies where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::query("delete a policy"))
}

/// Returns the names of the roles that have a policy, in alphabetical order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn roles_with(tx: &mut TenantTx, policy: Uuid) -> Result<Vec<String>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        "select r.name from role_policies rp join roles r on r.tenant_id = rp.tenant_id and r.id = rp.role_id
         where rp.tenant_id = $1 and rp.policy_id = $2 order by r.name",
        tenant,
        policy
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("find the roles with a policy"))
}

/// Waits until no other transaction changes roles or policies of the tenant, and lets the others wait until this one ends: what is
/// checked, such as what somebody may grant, remains true until the change is committed.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn lock(tx: &mut TenantTx) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('roles of ' || $1::text, 0))",
        tenant.to_string()
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("lock the roles of a tenant"))
}
