//! Roles of a tenant: those that it has created, and the built-in ones, which have no rows.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Count, Error, Limit, Order, Page, Position, TenantTx,
    page::{count_query, page, push_count_end, push_keyset},
};
use crate::db::Timestamp;

/// Role that a tenant has created, or a built-in one in a list.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Role {
    /// ID; that of a built-in role is its position in lists only.
    pub id: Uuid,
    /// Name, unique in the tenant without regard to case.
    pub name: String,
    /// Description.
    pub description: String,
    /// Whether the role is built in.
    pub built_in: bool,
    /// Number of changes, starting at 1.
    pub version: i64,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// IDs of its policies, in order.
    pub policies: Vec<Uuid>,
}

/// Built-in role in a list. It precedes all others in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BuiltIn {
    /// Position among the built-in roles.
    pub id: Uuid,
    /// Name.
    pub name: &'static str,
    /// Description.
    pub description: &'static str,
}

/// Options of a list of roles.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Built-in roles.
    pub built_in: &'a [BuiltIn],
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists the built-in roles and those of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query<'_>) -> Result<Page<Role>, Error> {
    let Query { built_in, order, after, limit } = query;
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select id, name, description, built_in, version, created_at, updated_at, policies from (\
           select id, name, description, false as built_in, version, created_at, updated_at, \
                  array(select policy_id from role_policies rp where rp.tenant_id = roles.tenant_id and rp.role_id = roles.id \
                        order by policy_id) as policies \
           from roles where tenant_id = ",
    );
    sql.push_bind(tenant);
    sql.push(
        " union all select id, name, description, true, 1::bigint, to_timestamp(0), to_timestamp(0), array[]::uuid[] \
         from unnest(",
    );
    sql.push_bind(built_in.iter().map(|role| role.id).collect::<Vec<_>>()).push(", ");
    sql.push_bind(built_in.iter().map(|role| role.name).collect::<Vec<_>>()).push(", ");
    sql.push_bind(built_in.iter().map(|role| role.description).collect::<Vec<_>>());
    sql.push(") as built_in (id, name, description)) as roles where true");
    push_keyset(&mut sql, order, after, limit);
    let rows =
        sql.build_query_as::<Role>().fetch_all(connection).await.map_err(Error::query("list roles"))?;
    Ok(page(rows, limit, |role| Position { created_at: role.created_at, id: role.id }))
}

/// Counts the roles of the tenant, with this number of built-in ones.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, built_in: usize) -> Result<Count, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    sql.push("from roles where tenant_id = ").push_bind(tenant);
    push_count_end(&mut sql);
    let rows: i64 =
        sql.build_query_scalar().fetch_one(connection).await.map_err(Error::query("count roles"))?;
    Ok(Count::new(rows.saturating_add(i64::try_from(built_in).unwrap_or_default())))
}

/// Returns the roles with these IDs that the tenant has created, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Role>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Role,
        r#"select id, name, description, false as "built_in!", version, created_at, updated_at,
                  array(select policy_id from role_policies rp where rp.tenant_id = $1 and rp.role_id = roles.id
                        order by policy_id) as "policies!"
           from roles where tenant_id = $1 and id = any($2)"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read roles"))
}

/// Returns one role, or `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Role>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the ID of the role with a name, without regard to case.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn id_of_name(tx: &mut TenantTx, name: &str) -> Result<Option<Uuid>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!("select id from roles where tenant_id = $1 and lower(name) = lower($2)", tenant, name)
        .fetch_optional(connection)
        .await
        .map_err(Error::query("find a role by its name"))
}

/// Returns the number of roles that the tenant has created.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn total(tx: &mut TenantTx) -> Result<usize, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let total = sqlx::query_scalar!(r#"select count(*) as "count!" from roles where tenant_id = $1"#, tenant)
        .fetch_one(connection)
        .await
        .map_err(Error::query("count roles"))?;
    Ok(usize::try_from(total).unwrap_or_default())
}

/// Role as a group of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// ID of the role.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<String>,
    /// Number of changes, starting at 1.
    pub version: i64,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Returns all roles that the tenant has created, the oldest first. Their number is limited.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn groups(tx: &mut TenantTx) -> Result<Vec<GroupRow>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        GroupRow,
        "select id, name, external_id, version, created_at, updated_at from roles where tenant_id = $1
         order by created_at, id",
        tenant
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("list roles as groups"))
}

/// Replaces the identifier that an identity provider has chosen for a role, and counts the change.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn set_external_id(tx: &mut TenantTx, id: Uuid, external_id: Option<&str>) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update roles set external_id = $3, version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        external_id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change the external ID of a role"))
}

/// Creates a role without policies.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn create(tx: &mut TenantTx, id: Uuid, name: &str, description: &str) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into roles (id, tenant_id, name, description) values ($1, $2, $3, $4)",
        id,
        tenant,
        name,
        description
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("create a role"))
}

/// Changes name and description of a role, and counts the change.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn update(tx: &mut TenantTx, id: Uuid, name: &str, description: &str) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update roles set name = $3, description = $4, version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        name,
        description
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change a role"))
}

/// Replaces the policies of a role.
///
/// # Errors
/// Returns an error if a statement fails, such as for a policy that does not exist.
pub async fn set_policies(tx: &mut TenantTx, id: Uuid, policies: &[Uuid]) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from role_policies where tenant_id = $1 and role_id = $2", tenant, id)
        .execute(&mut *connection)
        .await
        .map_err(Error::query("remove the policies of a role"))?;
    sqlx::query!(
        "insert into role_policies (tenant_id, role_id, policy_id) select $1, $2, unnest($3::uuid[])",
        tenant,
        id,
        policies
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("add the policies of a role"))
}

/// Numbers of those who have a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holders {
    /// Users who have logged in, deactivated ones included.
    pub users: i64,
    /// Users who are invited and have never logged in.
    pub invited: i64,
    /// Service accounts.
    pub service_accounts: i64,
}

/// Counts those who have a role.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn holders(tx: &mut TenantTx, id: Uuid) -> Result<Holders, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Holders,
        r#"select count(u.id) filter (where u.status <> 'INVITED') as "users!",
                  count(u.id) filter (where u.status = 'INVITED') as "invited!",
                  (select count(*) from service_account_roles s where s.tenant_id = $1 and s.role = $2) as "service_accounts!"
           from user_roles r join users u on u.tenant_id = $1 and u.id = r.user_id
           where r.tenant_id = $1 and r.role = $2"#,
        tenant,
        id.to_string()
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("count those who have a role"))
}

/// Deletes a role.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from roles where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::query("delete a role"))
}
