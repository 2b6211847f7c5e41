use std::fmt::Write;

use proptest::prelude::*;

use super::{PLATFORM_ROLES, Permission, Permissions, TENANT_ROLES, roles};

/// Every change of a role's permissions shows as a diff of this table, since customers must be informed of
/// it.
#[test]
fn permissions_of_each_role() {
    let mut table = String::new();
    for permission in Permission::all() {
        let roles: Vec<&str> = TENANT_ROLES
            .iter()
            .chain(PLATFORM_ROLES)
            .copied()
            .filter(|role| Permissions::of_roles(&[role]).allows(permission))
            .collect();
        writeln!(table, "{:24} {}", permission.name(), roles.join(" "))
            .expect("writing to a string cannot fail");
    }
    insta::assert_snapshot!(table);
}

/// Every node that a built-in role names exists in the tree.
#[test]
fn every_node_of_every_role_exists() {
    for node in roles::all_nodes() {
        assert!(Permissions::of_node(node).is_ok(), "{node}");
    }
}

/// The constants of `Permission` match their rows in the table.
#[test]
fn constants_match_the_table() {
    assert_eq!(Permission::TENANT_READ.name(), "tenant.read");
    assert_eq!(Permission::WORKFLOW_RUN_CREATE.name(), "workflow.run.create");
    assert_eq!(Permission::PLATFORM_IMPERSONATE.name(), "platform.impersonate");
    assert_eq!(Permission::WORKFLOW_RUN_DELETE.name(), "workflow.run.delete");
}

/// No role of a tenant grants a permission on other tenants or on the platform.
#[test]
fn tenant_roles_grant_no_platform_permission() {
    let platform = Permissions::of_node("platform").expect("the tree has the node");
    for permission in Permissions::of_roles(TENANT_ROLES).iter() {
        assert!(!platform.allows(permission), "{permission}");
    }
}

/// Viewers can view runs but not start them, and unknown roles grant nothing.
#[test]
fn a_viewer_cannot_start_runs() {
    let viewer = Permissions::of_roles(&["viewer", "no-such-role"]);
    assert!(viewer.allows(Permission::WORKFLOW_RUN_READ));
    assert!(!viewer.allows(Permission::WORKFLOW_RUN_CREATE));
}

/// A node matches complete segments only: `role` does not grant `roleplay`.
#[test]
fn nodes_match_complete_segments() {
    assert!(Permissions::of_node("work").is_err());
    assert!(Permissions::of_node("").is_err());
    assert_eq!(Permissions::of_node("workflow.run.create").map(|granted| granted.iter().count()), Ok(1));
}

proptest! {
    /// More roles never grant fewer permissions, and a denied permission is absent whatever else is granted.
    #[test]
    fn roles_only_add_and_denials_always_remove(roles in proptest::sample::subsequence(TENANT_ROLES.to_vec(), 0..8), denied in 0_usize..50) {
        let granted = Permissions::of_roles(&roles);
        for role in &roles {
            prop_assert!(granted.covers(Permissions::of_roles(&[role])));
        }
        if let Some(permission) = Permission::all().nth(denied) {
            let deny = Permissions::of_node(permission.name()).expect("a leaf is a node");
            prop_assert!(!granted.without(deny).allows(permission));
        }
    }
}
