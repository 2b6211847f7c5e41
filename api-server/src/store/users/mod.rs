//! Users of a tenant, with their roles and identities.

mod list;
mod login;
mod picture;
mod provisioned;
#[cfg(test)]
mod tests;
mod write;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Error, TenantTx};
use crate::db::Timestamp;

pub use list::{Query, count, list};
pub use picture::{Picture, PictureSummary, delete_picture, picture, picture_summary, put_picture};
pub use provisioned::{
    Attributes, ProvisionedUser, RoleMember, Selection, count_provisioned, get_provisioned, has_logged_in,
    list_provisioned, members, set_attributes,
};
pub use write::{
    Deletion, NewIdentity, NewUser, activate, add_role, bind, delete, insert, remove_role, set_profile,
    set_status,
};

/// Name of the constraint that a tenant has an active owner.
pub const ACTIVE_OWNER: &str = "active_owner";
/// Name of the index of the addresses of all users who have logged in.
pub const EMAIL_OF_PLATFORM: &str = "users_email";
/// Name of the constraint of the addresses within a tenant.
pub const EMAIL_OF_TENANT: &str = "users_tenant_id_email_key_key";
/// Name of the index of the names at identity providers.
pub const USER_NAME: &str = "users_user_name";
/// Name of the constraint of the identities.
pub const IDENTITY: &str = "identities_pkey";

/// Status of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserStatus {
    /// The user has never logged in.
    Invited,
    /// The user can log in.
    Active,
    /// The user cannot log in.
    Deactivated,
}

/// User of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    /// ID of the user.
    pub id: Uuid,
    /// Address, as it was written.
    pub email: String,
    /// Full name.
    pub display_name: Option<String>,
    /// Status.
    pub status: UserStatus,
    /// URL of a picture, or the path of the API for an uploaded one.
    pub picture_url: Option<String>,
    /// Roles in alphabetical order: names of built-in roles and IDs of the tenant's own.
    pub roles: Vec<String>,
    /// Number of changes, starting at 1.
    pub version: i64,
    /// Time at which the user was created.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Returns a user of the tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<User>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the users of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<User>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        User,
        r#"select id, email, display_name, status, picture_url, version, created_at, updated_at,
             array(
               select role from user_roles r where r.tenant_id = $1 and r.user_id = u.id order by role
             ) as "roles!"
           from users u where tenant_id = $1 and id = any($2)"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read users"))
}

/// Returns the user of the tenant with an address, in the form that is compared, and lets no other transaction change it until this one
/// ends; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_email_key(tx: &mut TenantTx, email_key: &str) -> Result<Option<User>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let id = sqlx::query_scalar!(
        "select id from users where tenant_id = $1 and email_key = $2",
        tenant,
        email_key
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find a user by its address"))?;
    match id {
        Some(id) => lock(tx, id).await,
        None => Ok(None),
    }
}

/// Returns a user like [`get`], and lets no other transaction change it until this one ends.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<User>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let locked = sqlx::query!("select from users where tenant_id = $1 and id = $2 for update", tenant, id)
        .fetch_optional(connection)
        .await
        .map_err(Error::query("lock a user"))?;
    // The roles are read after the wait for the lock, so that they are those that the previous transaction has left.
    match locked {
        Some(_) => get(tx, id).await,
        None => Ok(None),
    }
}

/// Returns the number of users of the tenant, and the limit of its plan.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn number_and_limit(tx: &mut TenantTx) -> Result<(i64, Option<i64>), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"select (select count(*) from users where tenant_id = $1) as "number!",
             (select p.limits ->> 'users' from tenants t join plans p on p.name = t.plan_name where t.id = $1) as "limit""#,
        tenant
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("count the users of the tenant"))?;
    Ok((row.number, row.limit.and_then(|limit| limit.parse().ok())))
}
