//! The built-in roles.

use domain::permission::TENANT_ROLES;
use uuid::Uuid;

use crate::store::roles::BuiltIn;

/// Position of the first built-in role among all of them.
const FIRST_ID: u128 = 1_000;

/// Returns the built-in roles that tenants can assign, the most powerful first.
pub(super) fn all() -> Vec<BuiltIn> {
    let role = |(index, name): (u128, &&'static str)| BuiltIn {
        // In lists, the newest is the last one.
        id: Uuid::from_u128(FIRST_ID - index),
        name,
        description: description(name),
    };
    (0..).zip(TENANT_ROLES).map(role).collect()
}

/// Returns a built-in role; `None` if there is none of this name.
pub(super) fn find(name: &str) -> Option<BuiltIn> {
    all().into_iter().find(|role| role.name == name)
}

fn description(role: &str) -> &'static str {
    match role {
        "owner" => "All that an admin can do, and the subscription.",
        "admin" => "Manages the tenant, its users and all that belongs to it.",
        "builder" => "Creates workflows and manages documents.",
        "operator" => "Runs workflows, and cancels and reruns runs.",
        "member" => "Runs workflows and uploads documents.",
        "viewer" => "Reads workflows, runs and documents.",
        "billing" => "Manages the subscription.",
        "auditor" => "Reads everything, and the audit log.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every built-in role says what it is for.
    #[test]
    fn all_built_in_roles_are_described() {
        assert!(all().iter().all(|role| !role.description.is_empty()));
        assert_eq!(all().len(), TENANT_ROLES.len());
        assert_eq!(find("platform-admin"), None);
    }
}
