//! The policies of all roles of a principal.

use std::sync::Arc;

use super::{spec::Effect, validate::Policy};
use crate::permission::{Permission, Permissions};

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Built-in role, or ID of a role of the tenant.
    pub role: String,
    /// Name of the role.
    pub role_name: String,
    /// ID and name of the policy; `None` for a built-in role.
    pub policy: Option<(String, String)>,
}

/// Policy and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct SourcedPolicy {
    /// Role and policy.
    pub source: Source,
    /// The policy.
    pub policy: Policy,
}

/// Policies of all roles of a principal. Clones share them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// What policies without conditions allow.
    allowed: Permissions,
    /// What policies without conditions deny.
    denied: Permissions,
    /// Permissions that a policy with conditions names.
    concerned: Permissions,
    policies: Arc<[SourcedPolicy]>,
}

impl Grants {
    /// Collects the policies of all roles of a principal.
    #[must_use]
    pub fn new(mut policies: Vec<SourcedPolicy>) -> Self {
        let (mut grants, of_tenant) = (Self::default(), Permissions::of_tenant());
        for SourcedPolicy { source: _, policy } in &mut policies {
            // Permissions on the platform are not given by policies, whatever they name.
            policy.permissions = policy.permissions.intersection(of_tenant);
            let part = match (policy.is_unconditional(), policy.effect) {
                (true, Effect::Allow) => &mut grants.allowed,
                (true, Effect::Deny) => &mut grants.denied,
                (false, _) => &mut grants.concerned,
            };
            *part = part.union(policy.permissions);
        }
        grants.policies = policies.into();
        grants
    }

    /// Returns the grants of built-in roles. Unknown roles grant nothing.
    #[must_use]
    pub fn built_in<R: AsRef<str>>(roles: &[R]) -> Self {
        Self::new(roles.iter().map(|role| built_in_role(role.as_ref())).collect())
    }

    /// Returns what policies without conditions allow, before denials.
    #[must_use]
    pub fn allowed(&self) -> Permissions {
        self.allowed
    }

    /// Returns what policies without conditions deny.
    #[must_use]
    pub fn denied(&self) -> Permissions {
        self.denied
    }

    /// Returns whether the decision about a permission needs the request and the resource. Otherwise, it is that of
    /// [`Self::unconditional`].
    #[must_use]
    pub fn is_conditional(&self, permission: Permission) -> bool {
        self.concerned.allows(permission)
    }

    /// Returns the permissions that are granted whatever the request and the resource are, as far as no conditional policy denies
    /// them.
    #[must_use]
    pub fn unconditional(&self) -> Permissions {
        self.allowed.without(self.denied)
    }

    /// Returns whether one of the policies has conditions.
    #[must_use]
    pub fn has_conditions(&self) -> bool {
        self.concerned != Permissions::NONE
    }

    /// Returns the policies with conditions.
    pub fn conditional(&self) -> impl Iterator<Item = &SourcedPolicy> {
        self.policies.iter().filter(|sourced| !sourced.policy.is_unconditional())
    }

    /// Returns all policies.
    #[must_use]
    pub fn policies(&self) -> &[SourcedPolicy] {
        &self.policies
    }

    /// Returns the permissions that some policy allows, whatever its conditions are: what has to be granted by somebody who has it.
    #[must_use]
    pub fn grantable(&self) -> Permissions {
        let allowances = self.policies.iter().filter(|sourced| sourced.policy.effect == Effect::Allow);
        allowances.fold(Permissions::NONE, |all, sourced| all.union(sourced.policy.permissions))
    }
}

/// Returns a built-in role as a policy without conditions.
#[must_use]
pub(super) fn built_in_role(role: &str) -> SourcedPolicy {
    SourcedPolicy {
        source: Source { role: role.to_owned(), role_name: role.to_owned(), policy: None },
        policy: Policy {
            effect: Effect::Allow,
            permissions: Permissions::of_roles(&[role]).intersection(Permissions::of_tenant()),
            resources: Vec::new(),
            conditions: Vec::new(),
        },
    }
}
