//! Bounds of roles and policies. The time of a decision and the size of a statement grow with them, and each tenant bears its own.

/// Maximum number of policies of a tenant.
pub const MAX_POLICIES: usize = 1_000;
/// Maximum number of roles that a tenant creates.
pub const MAX_ROLES: usize = 200;
/// Maximum number of policies of a role.
pub const MAX_POLICIES_OF_ROLE: usize = 20;
/// Maximum number of roles that a tenant has created and that one principal has. A principal with more has no rights: a denial in
/// one of the others would be ignored otherwise.
pub const MAX_ROLES_OF_PRINCIPAL: usize = 20;
/// Maximum number of actions of a policy.
pub const MAX_ACTIONS: usize = 60;
/// Maximum number of resources of a policy.
pub const MAX_RESOURCES: usize = 50;
/// Maximum number of conditions of a policy.
pub const MAX_CONDITIONS: usize = 10;
/// Maximum number of values of a condition.
pub const MAX_VALUES: usize = 50;
/// Maximum length of a name, a label or a tag, in bytes: names of Kubernetes have up to 253, label keys up to 317.
pub const MAX_VALUE_BYTES: usize = 317;
/// Maximum length of the name of a role or a policy, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// Maximum length of a description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 1_000;
