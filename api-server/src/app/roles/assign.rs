//! What roles give to whoever has them.

use domain::{
    permission::Permissions,
    policy::{Grants, MAX_ROLES_OF_PRINCIPAL},
};
use uuid::Uuid;

use super::{RoleReference, read};
use crate::{
    app::{App, Error, Violation, rights::require_own},
    auth::TenantScope,
    store::{TenantTx, role_policies},
};

/// Checks that somebody may give roles to a user, an invitation or a program: all of them exist, and `own`, the permissions of the one who
/// gives them, cover all that they allow. The pointer of an error is that of the role in a list `roles`.
///
/// # Errors
/// Returns an error if a role does not exist or allows more, if there are too many, or if the database fails.
pub async fn check_assignment(
    app: &App,
    scope: TenantScope,
    action: &'static str,
    own: Permissions,
    roles: &[String],
) -> Result<(), Error> {
    let known = read::get_many(app, scope.unrestricted(), roles).await?;
    let known: Vec<RoleReference> = known.iter().map(super::Role::reference).collect();
    let is_unknown = |role: &String| match RoleReference::parse(role) {
        Some(reference @ RoleReference::Own(_)) => !known.contains(&reference),
        Some(RoleReference::BuiltIn(_)) => false,
        None => true,
    };
    let unknown = roles.iter().enumerate().filter(|(_, role)| is_unknown(role));
    let mut violations: Vec<_> = unknown
        .map(|(index, _)| Violation {
            pointer: format!("/roles/{index}"),
            code: "unknown_role".to_owned(),
            message: "must be the name of a built-in role or the ID of a role of the tenant".to_owned(),
        })
        .collect();
    let own_roles = roles.iter().filter(|role| role.parse::<Uuid>().is_ok()).count();
    if own_roles > MAX_ROLES_OF_PRINCIPAL {
        violations.push(Violation {
            pointer: "/roles".to_owned(),
            code: "too_many".to_owned(),
            message: format!(
                "has {own_roles} roles of the tenant; at most {MAX_ROLES_OF_PRINCIPAL} are allowed"
            ),
        });
    }
    if !violations.is_empty() {
        return Err(Error::InvalidRule { action, violations });
    }
    require_own(action, own, grants(app, scope, roles).await?.grantable())
}

/// Returns the policies of roles as they are now, each the name of a built-in role or the ID of a role of the tenant. Unknown roles
/// have none.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn grants(app: &App, scope: TenantScope, roles: &[String]) -> Result<Grants, Error> {
    let ids: Vec<Uuid> = roles.iter().filter_map(|role| role.parse().ok()).collect();
    let mut policies = Grants::built_in(roles).policies().to_vec();
    if !ids.is_empty() {
        let mut tx = TenantTx::begin(&app.db, scope.unrestricted()).await?;
        policies.extend(role_policies::of_roles(&mut tx, &ids).await?);
    }
    Ok(Grants::new(policies))
}
