//! Sets of permissions.

use super::table::Permission;

/// A set of permissions, stored as a bitset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

/// Error of a name that is not a node of the permission tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission `{name}`")]
pub struct UnknownNode {
    /// The name that was looked up.
    pub name: String,
}

impl Permissions {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Returns the permissions at or below a node of the tree, such as `workflow` or `workflow.run.create`.
    ///
    /// # Errors
    /// Returns an error if the tree has no such node.
    pub fn of_node(node: &str) -> Result<Self, UnknownNode> {
        let granted = Permission::all()
            .filter(|permission| {
                permission
                    .name()
                    .strip_prefix(node)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
            .fold(Self::NONE, |granted, permission| Self(granted.0 | permission.bit()));
        if granted == Self::NONE { Err(UnknownNode { name: node.to_owned() }) } else { Ok(granted) }
    }

    /// Returns whether the set contains the permission.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Returns whether the set contains all of `other`. It is checked before permissions are granted: users
    /// can grant only permissions that they have.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Returns the permissions in this set, in `other` or in both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the permissions in this set but not in `other`: a denial takes precedence over any grant.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the permissions that are in this set and in `other`.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the permissions for which a condition is true.
    #[must_use]
    pub fn matching(condition: impl Fn(Permission) -> bool) -> Self {
        let matching = Permission::all().filter(|permission| condition(*permission));
        matching.fold(Self::NONE, |all, permission| Self(all.0 | permission.bit()))
    }

    /// Returns all permissions that the roles of a tenant can have: those that are not about the platform.
    #[must_use]
    pub fn of_tenant() -> Self {
        Self::matching(|permission| !permission.name().starts_with("platform."))
    }

    /// Returns the permissions in the set, in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::all().filter(move |permission| self.allows(*permission))
    }
}
