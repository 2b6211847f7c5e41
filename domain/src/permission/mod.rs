//! Who may do what: a tree of permissions, and roles as sets of them.
//!
//! A node of the tree grants everything below it: `workflow.run` holds `workflow.run.create` and
//! `workflow.run.cancel`. A role is expanded once into a bitset, so a check is one instruction.

mod roles;
mod table;

pub use roles::{PLATFORM_ROLES, TENANT_ROLES};

/// One permission: a leaf of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(u8);

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

/// A name that is no node of the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission `{name}`")]
pub struct UnknownNode {
    /// The name as given.
    pub name: String,
}

impl Permission {
    /// The dotted name, such as `workflow.run.create`.
    #[must_use]
    pub fn name(self) -> &'static str {
        table::TABLE.get(usize::from(self.0)).map_or("", |(name, _)| name)
    }

    /// What it lets one do, in a sentence for people.
    #[must_use]
    pub fn description(self) -> &'static str {
        table::TABLE.get(usize::from(self.0)).map_or("", |(_, description)| description)
    }

    /// All permissions, in the order of their bits.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(table::TABLE.len()).map(Self)
    }

    const fn bit(self) -> u64 {
        1 << self.0
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);

    /// Everything that the given roles grant together. A role that does not exist grants nothing: a token may name
    /// roles of another version.
    #[must_use]
    pub fn of_roles<R: AsRef<str>>(roles: &[R]) -> Self {
        roles.iter().map(|role| roles::permissions(role.as_ref())).fold(Self::NONE, Self::union)
    }

    /// The permissions at or below a node: `workflow` or `workflow.run.create`.
    ///
    /// # Errors
    /// If the tree has no such node.
    pub fn of_node(node: &str) -> Result<Self, UnknownNode> {
        let held = Permission::all()
            .filter(|permission| {
                permission
                    .name()
                    .strip_prefix(node)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
            .fold(Self::NONE, |held, permission| Self(held.0 | permission.bit()));
        if held == Self::NONE { Err(UnknownNode { name: node.to_owned() }) } else { Ok(held) }
    }

    /// Whether the permission is among these.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether all of `other` are among these: nobody grants what they lack.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those: deny wins.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The permissions in the set, in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::all().filter(move |permission| self.allows(*permission))
    }
}

#[cfg(test)]
mod tests;
