//! Changes of users.

use domain::identity::Email;
use uuid::Uuid;

use super::UserStatus;
use crate::store::{Error, TenantTx};

/// User to create.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// ID of the user.
    pub id: Uuid,
    /// Address.
    pub email: &'a Email,
    /// Full name.
    pub display_name: Option<&'a str>,
    /// URL of a picture.
    pub picture_url: Option<&'a str>,
    /// Status.
    pub status: UserStatus,
    /// Roles.
    pub roles: &'a [String],
}

/// Person at an issuer of tokens.
#[derive(Clone, Copy, Debug)]
pub struct NewIdentity<'a> {
    /// Issuer.
    pub issuer: &'a str,
    /// Identifier of the person that the issuer has chosen.
    pub subject: &'a str,
    /// ID of the user.
    pub user: Uuid,
}

/// Creates a user.
///
/// # Errors
/// Returns an error if the address is in use, or if the query fails.
pub async fn insert(tx: &mut TenantTx, user: &NewUser<'_>) -> Result<(), Error> {
    let NewUser { id, email, display_name, picture_url, status, roles } = *user;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into users (id, tenant_id, email, email_key, display_name, picture_url, status)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id,
        tenant,
        email.as_str(),
        email.key(),
        display_name,
        picture_url,
        status as _
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("create a user"))?;
    sqlx::query!(
        "insert into user_roles (tenant_id, user_id, role) select $1, $2, role from unnest($3::text[]) as role",
        tenant,
        id,
        roles
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("give a new user its roles"))
}

/// Replaces name and picture of a user.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn set_profile(
    tx: &mut TenantTx,
    id: Uuid,
    display_name: Option<&str>,
    picture_url: Option<&str>,
) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update users set display_name = $3, picture_url = $4, version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        display_name,
        picture_url
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change a user"))
}

/// Replaces the status of a user.
///
/// # Errors
/// Returns an error if it is the last active owner, or if the query fails.
pub async fn set_status(tx: &mut TenantTx, id: Uuid, status: UserStatus) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update users set status = $3, version = version + 1, updated_at = now() where tenant_id = $1 and id = $2",
        tenant,
        id,
        status as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change the status of a user"))
}

/// Makes an invited user active at its first login, and gives it a name if it has none. Returns false if it is not invited any more.
///
/// # Errors
/// Returns an error if another tenant has an active user with the address, or if the query fails.
pub async fn activate(tx: &mut TenantTx, id: Uuid, display_name: Option<&str>) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update users set status = 'ACTIVE', display_name = coalesce(display_name, $3), version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2 and status = 'INVITED'",
        tenant,
        id,
        display_name
    )
    .execute(connection)
    .await
    .map(|result| result.rows_affected() > 0)
    .map_err(Error::query("activate an invited user"))
}

/// Gives an identity to a user.
///
/// # Errors
/// Returns an error if the identity belongs to a user already, or if the query fails.
pub async fn bind(tx: &mut TenantTx, identity: NewIdentity<'_>) -> Result<(), Error> {
    let NewIdentity { issuer, subject, user } = identity;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into identities (issuer, subject, tenant_id, user_id) values ($1, $2, $3, $4)",
        issuer,
        subject,
        tenant,
        user
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("give an identity to a user"))
}

/// Gives a role to a user. Returns false if the user has it already.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn add_role(tx: &mut TenantTx, id: Uuid, role: &str) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let added = sqlx::query!(
        "insert into user_roles (tenant_id, user_id, role) values ($1, $2, $3) on conflict do nothing",
        tenant,
        id,
        role
    )
    .execute(connection)
    .await
    .map_err(Error::query("give a role to a user"))?;
    count_change(tx, id, added.rows_affected() > 0).await
}

/// Takes a role from a user. Returns false if the user does not have it.
///
/// # Errors
/// Returns an error if it makes the last active owner of the tenant lose its role, or if the query fails.
pub async fn remove_role(tx: &mut TenantTx, id: Uuid, role: &str) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let removed = sqlx::query!(
        "delete from user_roles where tenant_id = $1 and user_id = $2 and role = $3",
        tenant,
        id,
        role
    )
    .execute(connection)
    .await
    .map_err(Error::query("take a role from a user"))?;
    count_change(tx, id, removed.rows_affected() > 0).await
}

async fn count_change(tx: &mut TenantTx, id: Uuid, is_changed: bool) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    if is_changed {
        sqlx::query!(
            "update users set version = version + 1, updated_at = now() where tenant_id = $1 and id = $2",
            tenant,
            id
        )
        .execute(connection)
        .await
        .map_err(Error::query("count a change of a user"))?;
    }
    Ok(is_changed)
}

/// Result of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The user is deleted.
    Deleted,
    /// The user is active, which is never deleted.
    Active,
}

/// Deletes a user that is not active, with its roles and identities.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<Deletion, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let deleted =
        sqlx::query!("delete from users where tenant_id = $1 and id = $2 and status <> 'ACTIVE'", tenant, id)
            .execute(connection)
            .await
            .map_err(Error::query("delete a user"))?;
    Ok(if deleted.rows_affected() > 0 { Deletion::Deleted } else { Deletion::Active })
}
