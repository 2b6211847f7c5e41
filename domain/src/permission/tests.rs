use std::fmt::Write;

use proptest::prelude::*;

use super::{PLATFORM_ROLES, Permission, Permissions, TENANT_ROLES, roles};

/// A change of what a role may do is a change that customers must be told of: it shows as a diff of this table.
#[test]
fn what_each_role_may_do() {
    let mut table = String::new();
    for permission in Permission::all() {
        let roles: Vec<&str> = TENANT_ROLES
            .iter()
            .chain(PLATFORM_ROLES)
            .copied()
            .filter(|role| Permissions::of_roles(&[role]).allows(permission))
            .collect();
        writeln!(table, "{:24} {}", permission.name(), roles.join(" ")).expect("a string takes all");
    }
    insta::assert_snapshot!(table);
}

/// A typing mistake in a role's list would silently take a right away.
#[test]
fn every_node_of_every_role_exists() {
    for node in roles::all_nodes() {
        assert!(Permissions::of_node(node).is_ok(), "{node}");
    }
}

#[test]
fn constants_have_the_name_they_stand_for() {
    assert_eq!(Permission::TENANT_READ.name(), "tenant.read");
    assert_eq!(Permission::WORKFLOW_RUN_CREATE.name(), "workflow.run.create");
    assert_eq!(Permission::PLATFORM_IMPERSONATE.name(), "platform.impersonate");
}

/// No token of a tenant reaches another tenant or the platform.
#[test]
fn tenant_roles_hold_no_platform_permission() {
    let platform = Permissions::of_node("platform").expect("a node");
    for permission in Permissions::of_roles(TENANT_ROLES).iter() {
        assert!(!platform.allows(permission), "{permission}");
    }
}

#[test]
fn a_viewer_starts_no_run() {
    let viewer = Permissions::of_roles(&["viewer", "no-such-role"]);
    assert!(viewer.allows(Permission::WORKFLOW_RUN_READ));
    assert!(!viewer.allows(Permission::WORKFLOW_RUN_CREATE));
}

/// `role` must not grant `roleplay`: nodes end at dots.
#[test]
fn a_node_is_a_whole_word() {
    assert!(Permissions::of_node("work").is_err());
    assert!(Permissions::of_node("").is_err());
    assert_eq!(Permissions::of_node("workflow.run.create").map(|held| held.iter().count()), Ok(1));
}

proptest! {
    /// More roles never mean fewer rights, and a denied right is gone whatever else is granted.
    #[test]
    fn sets_behave(roles in proptest::sample::subsequence(TENANT_ROLES.to_vec(), 0..8), denied in 0_usize..50) {
        let held = Permissions::of_roles(&roles);
        for role in &roles {
            prop_assert!(held.covers(Permissions::of_roles(&[role])));
        }
        if let Some(permission) = Permission::all().nth(denied) {
            let deny = Permissions::of_node(permission.name()).expect("a leaf is a node");
            prop_assert!(!held.without(deny).allows(permission));
        }
    }
}
