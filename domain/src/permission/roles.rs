//! The built-in roles, as nodes of the tree.

use super::Permissions;

/// Roles that a tenant's administrators give.
pub const TENANT_ROLES: &[&str] =
    &["owner", "admin", "builder", "operator", "member", "viewer", "billing", "auditor"];
/// Roles of the people who run the platform; no tenant can give them.
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
const OPERATOR: &[&str] = &["workflow.run", "document.process", "usage.read"];
const BUILDER: &[&str] = &["workflow", "document", "schema.introspect", "usage.read"];
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

/// What a built-in role grants; nothing for a name that is none.
pub(super) fn permissions(role: &str) -> Permissions {
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
