//! The built-in roles, as nodes of the permission tree.

use super::set::Permissions;

/// Roles that the administrators of a tenant can assign.
pub const TENANT_ROLES: &[&str] =
    &["owner", "admin", "builder", "operator", "member", "viewer", "billing", "auditor"];
/// Roles of platform administrators; a tenant cannot assign them.
pub const PLATFORM_ROLES: &[&str] = &["platform-admin", "platform-operator", "platform-support"];

const READ: &[&str] = &[
    "tenant.read",
    "document.read",
    "document.content.read",
    "chunk.read",
    "search.query",
    "workflow.read",
    "workflow.run.read",
    "workflow.run.log.read",
    "event.read",
    "plan.read",
];
const MEMBER: &[&str] = &["document.create", "document.update", "workflow.run.create", "workflow.run.decide"];
/// Not `workflow.run.delete`: only administrators delete the history.
const OPERATOR: &[&str] = &["workflow.run.cancel", "workflow.run.rerun", "document.process", "usage.read"];
const BUILDER: &[&str] = &[
    "workflow.create",
    "workflow.update",
    "workflow.archive",
    "document",
    "schema.introspect",
    "usage.read",
];
const ADMIN: &[&str] = &[
    "tenant",
    "user",
    "role",
    "policy",
    "authorization",
    "api-key",
    "service-account",
    "document",
    "chunk",
    "search",
    "workflow",
    "event",
    "audit",
    "usage",
    "schema",
    "plan",
    "billing.read",
];
const OWNER: &[&str] = &["billing"];
const BILLING: &[&str] = &["tenant.read", "plan.read", "usage.read", "billing"];
const AUDITOR: &[&str] = &[
    "user.read",
    "role.read",
    "policy.read",
    "api-key.read",
    "service-account.read",
    "authorization.check",
    "audit.read",
    "usage.read",
];
const PLATFORM_SUPPORT: &[&str] = &["plan.read", "platform.tenant.read", "platform.audit.read"];
const PLATFORM_OPERATOR: &[&str] =
    &["platform.tenant.create", "platform.tenant.update", "platform.tenant.suspend", "platform.mirror"];

impl Permissions {
    /// Returns the union of the permissions that the roles grant. An unknown role grants nothing: a token may
    /// name roles of another version.
    #[must_use]
    pub fn of_roles<R: AsRef<str>>(roles: &[R]) -> Self {
        roles.iter().map(|role| permissions_of_role(role.as_ref())).fold(Self::NONE, Self::union)
    }
}

/// Returns the permissions of a built-in role; the empty set for an unknown role.
fn permissions_of_role(role: &str) -> Permissions {
    let nodes: &[&[&str]] = match role {
        "owner" => &[ADMIN, OWNER],
        "admin" => &[ADMIN],
        "builder" => &[READ, MEMBER, OPERATOR, BUILDER],
        "operator" => &[READ, MEMBER, OPERATOR],
        "member" => &[READ, MEMBER],
        "viewer" => &[READ],
        "billing" => &[BILLING],
        "auditor" => &[READ, AUDITOR],
        "platform-admin" => &[&["platform", "plan.read"]],
        "platform-operator" => &[PLATFORM_SUPPORT, PLATFORM_OPERATOR],
        "platform-support" => &[PLATFORM_SUPPORT],
        _ => &[],
    };
    nodes
        .iter()
        .flat_map(|nodes| nodes.iter())
        .map(|node| Permissions::of_node(node).unwrap_or(Permissions::NONE))
        .fold(Permissions::NONE, Permissions::union)
}

#[cfg(test)]
pub(super) fn all_nodes() -> impl Iterator<Item = &'static str> {
    [READ, MEMBER, OPERATOR, BUILDER, ADMIN, OWNER, BILLING, AUDITOR, PLATFORM_SUPPORT, PLATFORM_OPERATOR]
        .into_iter()
        .flatten()
        .copied()
}
