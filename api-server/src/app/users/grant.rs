//! Nobody grants what they lack, and nobody changes a user who has more.

use domain::{
    permission::{Permission, Permissions, TENANT_ROLES},
    policy::Grants,
};
use uuid::Uuid;

use crate::{
    app::{Error, Violation},
    store::{TenantTx, User, policies, role_policies, roles},
};

/// Maximum number of roles of a user.
pub(in crate::app) const MAX_ROLES: usize = 20;

/// Returns the permissions of a role that users of the tenant can have, a built-in one or the tenant's own, whatever the conditions of
/// its policies are; `None` if there is no such role.
///
/// # Errors
/// Returns an error if the database fails.
async fn permissions_of_role(tx: &mut TenantTx, role: &str) -> Result<Option<Permissions>, Error> {
    if TENANT_ROLES.contains(&role) {
        return Ok(Some(Permissions::of_roles(&[role])));
    }
    // Only the canonical form of an ID is a role: otherwise a user could have the same one twice.
    let Some(id) = role.parse::<Uuid>().ok().filter(|id| id.to_string() == role) else { return Ok(None) };
    if roles::get(tx, id).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(Grants::new(role_policies::of_roles(tx, &[id]).await?).grantable()))
}

/// Checks that the caller has all permissions of the roles that it grants.
///
/// # Errors
/// Returns an error if there is no such role, if the caller lacks a permission of one, or if the database fails. `pointer` names the
/// field of the request with a role, by its position.
pub(in crate::app) async fn check_grant(
    tx: &mut TenantTx,
    held: Permissions,
    roles: &[String],
    action: &'static str,
    pointer: impl Fn(usize) -> String,
) -> Result<(), Error> {
    // Until this transaction ends, none of the roles is deleted, and none gets other policies.
    if roles.iter().any(|role| role.parse::<Uuid>().is_ok()) {
        policies::lock(tx).await?;
    }
    let mut granted = Permissions::NONE;
    let mut violations = Vec::new();
    for (position, role) in roles.iter().enumerate() {
        match permissions_of_role(tx, role).await? {
            Some(permissions) => granted = granted.union(permissions),
            None => violations.push(unknown_role(pointer(position))),
        }
    }
    if !violations.is_empty() {
        return Err(Error::InvalidRequest { action, violations });
    }
    check_covered(held, granted, action)
}

/// Checks that the caller has all permissions of a user that it changes: otherwise an administrator could lock an owner out.
///
/// # Errors
/// Returns an error if the caller lacks one, or if the database fails.
pub(in crate::app) async fn check_power(
    tx: &mut TenantTx,
    held: Permissions,
    user: &User,
    action: &'static str,
) -> Result<(), Error> {
    check_covered(held, permissions_of_roles(tx, &user.roles).await?, action)
}

/// Returns the permissions of roles. A role that does not exist any more grants nothing.
///
/// # Errors
/// Returns an error if the database fails.
pub(in crate::app) async fn permissions_of_roles(
    tx: &mut TenantTx,
    roles: &[String],
) -> Result<Permissions, Error> {
    let mut permissions = Permissions::NONE;
    for role in roles {
        permissions = permissions.union(permissions_of_role(tx, role).await?.unwrap_or_default());
    }
    Ok(permissions)
}

/// Returns the permissions at or below nodes of the permission tree. A node that does not exist any more has none.
pub(in crate::app) fn permissions_of_nodes(nodes: &[String]) -> Permissions {
    let permissions = nodes.iter().map(|node| Permissions::of_node(node).unwrap_or_default());
    permissions.fold(Permissions::NONE, Permissions::union)
}

/// Checks that the caller has permissions.
///
/// # Errors
/// Returns an error with the names of those that are missing.
pub(in crate::app) fn check_covered(
    held: Permissions,
    required: Permissions,
    action: &'static str,
) -> Result<(), Error> {
    let missing: Vec<_> = required.without(held).iter().map(Permission::name).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::PermissionsExceeded { action, missing }) }
}

fn unknown_role(pointer: String) -> Violation {
    let message =
        format!("must be one of the roles {}, or the ID of a role of the tenant", TENANT_ROLES.join(", "));
    Violation { pointer, code: "unknown_role".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An administrator cannot grant what only owners may do, and the error names it.
    #[test]
    fn missing_permissions_are_named() {
        let of = |role: &str| Permissions::of_roles(&[role]);
        assert!(check_covered(of("owner"), of("admin"), "grant").is_ok());
        assert!(check_covered(of("admin"), of("builder"), "grant").is_ok());
        let Err(Error::PermissionsExceeded { missing, .. }) =
            check_covered(of("admin"), of("owner"), "grant")
        else {
            panic!("an admin granted the role owner")
        };
        assert_eq!(missing, ["billing.manage"]);
    }
}
