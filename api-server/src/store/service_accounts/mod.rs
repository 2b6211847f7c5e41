//! Service accounts of a tenant.

mod list;

use uuid::Uuid;

use super::{Error, TenantTx};
use crate::db::Timestamp;

pub use list::{Query, count, list};

/// Name of the constraint of the names within a tenant.
pub const NAME: &str = "service_accounts_tenant_id_name_key";

/// Account of a program.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ServiceAccount {
    /// ID of the service account.
    pub id: Uuid,
    /// Name, unique in the tenant.
    pub name: String,
    /// Purpose of the account.
    pub description: Option<String>,
    /// Roles in alphabetical order: names of built-in roles and IDs of the tenant's own.
    pub roles: Vec<String>,
    /// Time at which the account was created.
    pub created_at: Timestamp,
}

/// Service account to create.
#[derive(Clone, Copy, Debug)]
pub struct NewServiceAccount<'a> {
    /// ID of the service account.
    pub id: Uuid,
    /// Name.
    pub name: &'a str,
    /// Purpose of the account.
    pub description: Option<&'a str>,
    /// Roles.
    pub roles: &'a [String],
}

/// Returns a service account of the tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<ServiceAccount>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the service accounts of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<ServiceAccount>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ServiceAccount,
        r#"select id, name, description, created_at, array(
             select role from service_account_roles r where r.tenant_id = $1 and r.service_account_id = s.id order by role
           ) as "roles!"
           from service_accounts s where tenant_id = $1 and id = any($2)"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read service accounts"))
}

/// Returns the number of service accounts of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn number(tx: &mut TenantTx) -> Result<i64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(r#"select count(*) as "number!" from service_accounts where tenant_id = $1"#, tenant)
        .fetch_one(connection)
        .await
        .map_err(Error::query("count the service accounts of the tenant"))
}

/// Creates a service account.
///
/// # Errors
/// Returns an error if the name is in use, or if the query fails.
pub async fn insert(tx: &mut TenantTx, account: &NewServiceAccount<'_>) -> Result<(), Error> {
    let NewServiceAccount { id, name, description, roles } = *account;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into service_accounts (id, tenant_id, name, description) values ($1, $2, $3, $4)",
        id,
        tenant,
        name,
        description
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("create a service account"))?;
    sqlx::query!(
        "insert into service_account_roles (tenant_id, service_account_id, role)
         select $1, $2, role from unnest($3::text[]) as role",
        tenant,
        id,
        roles
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("give a new service account its roles"))
}

/// Deletes a service account with its keys. Returns false if there is no such account.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from service_accounts where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(|result| result.rows_affected() > 0)
        .map_err(Error::query("delete a service account"))
}
