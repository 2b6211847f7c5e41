//! Users with what identity providers store of them.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::User;
use crate::store::{Error, TenantTx};

const COLUMNS: &str = "select id, email, display_name, status, picture_url, version, created_at, updated_at, \
     array(select role from user_roles r where r.tenant_id = u.tenant_id and r.user_id = u.id order by role) as roles, \
     user_name, given_name, family_name, external_id";

/// User with the attributes of identity providers.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ProvisionedUser {
    /// The user.
    #[sqlx(flatten)]
    pub user: User,
    /// Name at the identity provider; `None` if it is the address.
    pub user_name: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<String>,
}

/// Attributes of a user that only identity providers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Name at the identity provider, and the form in which it is compared; `None` if it is the address.
    pub user_name: Option<(&'a str, &'a str)>,
    /// Given name.
    pub given_name: Option<&'a str>,
    /// Family name.
    pub family_name: Option<&'a str>,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<&'a str>,
}

/// Conditions on users, all of which must hold; those that are `None` always do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// ID.
    pub id: Option<Uuid>,
    /// Name at the identity provider, or the address of a user without one, in the form that is compared.
    pub user_name_key: Option<String>,
    /// Form of the address that is compared.
    pub email_key: Option<String>,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<String>,
    /// Whether the user is not deactivated.
    pub is_active: Option<bool>,
}

/// Member of a role.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RoleMember {
    /// Role.
    pub role: String,
    /// ID of the user.
    pub user_id: Uuid,
    /// Full name of the user, or the address.
    pub name: String,
}

/// Returns a user of the tenant with the attributes of identity providers; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get_provisioned(tx: &mut TenantTx, id: Uuid) -> Result<Option<ProvisionedUser>, Error> {
    let selection = Selection { id: Some(id), ..Selection::default() };
    Ok(list_provisioned(tx, selection, 0, 1).await?.pop())
}

/// Lists users of the tenant, the oldest first. Clients of identity providers number the users instead of sending a cursor; `offset` is
/// the number of users before the page, and `limit` that of the page.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list_provisioned(
    tx: &mut TenantTx,
    selection: Selection,
    offset: i64,
    limit: i64,
) -> Result<Vec<ProvisionedUser>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(COLUMNS);
    push_selection(&mut sql, tenant, selection);
    sql.push(" order by created_at, id offset ").push_bind(offset).push(" limit ").push_bind(limit);
    let users = sql.build_query_as::<ProvisionedUser>().fetch_all(connection).await;
    users.map_err(Error::query("list users for an identity provider"))
}

/// Counts the users of the tenant that match.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count_provisioned(tx: &mut TenantTx, selection: Selection) -> Result<i64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new("select count(*)");
    push_selection(&mut sql, tenant, selection);
    let count = sql.build_query_scalar().fetch_one(connection).await;
    count.map_err(Error::query("count users for an identity provider"))
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, tenant: Uuid, selection: Selection) {
    let Selection { id, user_name_key, email_key, external_id, is_active } = selection;
    sql.push(" from users u where tenant_id = ").push_bind(tenant);
    if let Some(id) = id {
        sql.push(" and id = ").push_bind(id);
    }
    if let Some(key) = user_name_key {
        sql.push(" and coalesce(user_name_key, email_key) = ").push_bind(key);
    }
    if let Some(key) = email_key {
        sql.push(" and email_key = ").push_bind(key);
    }
    if let Some(external_id) = external_id {
        sql.push(" and external_id = ").push_bind(external_id);
    }
    if let Some(is_active) = is_active {
        sql.push(" and (status <> 'DEACTIVATED') = ").push_bind(is_active);
    }
}

/// Replaces the attributes of a user that only identity providers know.
///
/// # Errors
/// Returns an error if another user of the tenant has the name, or if the query fails.
pub async fn set_attributes(tx: &mut TenantTx, id: Uuid, attributes: Attributes<'_>) -> Result<(), Error> {
    let Attributes { user_name, given_name, family_name, external_id } = attributes;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update users set user_name = $3, user_name_key = $4, given_name = $5, family_name = $6, external_id = $7,
           version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        user_name.map(|(name, _)| name),
        user_name.map(|(_, key)| key),
        given_name,
        family_name,
        external_id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change the attributes of a user"))
}

/// Returns whether a user has ever been active.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn has_logged_in(tx: &mut TenantTx, id: Uuid) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!("select has_logged_in from users where tenant_id = $1 and id = $2", tenant, id)
        .fetch_optional(connection)
        .await
        .map(Option::unwrap_or_default)
        .map_err(Error::query("find out whether a user has logged in"))
}

/// Returns the users who have one of the roles, by role and by age; at most `limit` in total.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn members(tx: &mut TenantTx, roles: &[String], limit: i64) -> Result<Vec<RoleMember>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        RoleMember,
        r#"select r.role, r.user_id, coalesce(u.display_name, u.email) as "name!"
           from user_roles r join users u on u.tenant_id = r.tenant_id and u.id = r.user_id
           where r.tenant_id = $1 and r.role = any($2)
           order by r.role, r.user_id limit $3"#,
        tenant,
        roles,
        limit
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("list the members of roles"))
}
