//! The permission tree of a tenant.

use domain::permission::{Permission, Permissions};

/// Returns the permissions that the roles and policies of a tenant can name, in alphabetical order.
#[must_use]
pub fn permissions() -> Vec<Permission> {
    let mut leaves: Vec<Permission> = Permissions::of_tenant().iter().collect();
    leaves.sort_unstable_by_key(|leaf| leaf.name());
    leaves
}
