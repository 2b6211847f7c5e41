//! Every permission there is. The order is the order of bits in a set; sets are never stored, so it may change.

use super::Permission;

pub(super) const TABLE: &[(&str, &str)] = &[
    ("tenant.read", "see the tenant and its settings"),
    ("tenant.update", "change the tenant's name and settings"),
    ("user.read", "see users"),
    ("user.create", "invite and create users"),
    ("user.update", "change users"),
    ("user.delete", "delete users"),
    ("user.role.assign", "give roles to users and take them away"),
    ("role.read", "see roles"),
    ("role.create", "create roles"),
    ("role.update", "change roles"),
    ("role.delete", "delete roles"),
    ("policy.read", "see policies"),
    ("policy.create", "create policies"),
    ("policy.update", "change policies"),
    ("policy.delete", "delete policies"),
    ("authorization.check", "ask what somebody may do, and why"),
    ("api-key.read", "see API keys, without their secrets"),
    ("api-key.create", "create API keys"),
    ("api-key.delete", "revoke API keys"),
    ("service-account.read", "see service accounts"),
    ("service-account.create", "create service accounts"),
    ("service-account.delete", "delete service accounts"),
    ("document.read", "see documents and their state"),
    ("document.content.read", "download the bytes of documents"),
    ("document.create", "upload documents"),
    ("document.update", "change the metadata of documents"),
    ("document.delete", "delete documents"),
    ("document.process", "process documents again"),
    ("chunk.read", "see the chunks of documents"),
    ("search.query", "search the knowledge base"),
    ("workflow.read", "see workflows and their revisions"),
    ("workflow.create", "create workflows"),
    ("workflow.update", "change workflows"),
    ("workflow.archive", "archive workflows and bring them back"),
    ("workflow.run.read", "see runs, their steps and outputs"),
    ("workflow.run.create", "start runs"),
    ("workflow.run.cancel", "cancel runs"),
    ("workflow.run.rerun", "run again, wholly or from a failed step"),
    ("workflow.run.decide", "approve or refuse what a run asks"),
    ("workflow.run.log.read", "read the logs of runs"),
    ("event.read", "follow events as they happen"),
    ("audit.read", "read the audit log"),
    ("usage.read", "see usage against the plan's limits"),
    ("billing.read", "see the subscription and invoices"),
    ("billing.manage", "change the subscription"),
    ("schema.introspect", "read the GraphQL schema from the API"),
    ("plan.read", "see plans"),
    ("platform.tenant.read", "see all tenants"),
    ("platform.tenant.create", "create tenants"),
    ("platform.tenant.update", "change the plan and settings of any tenant"),
    ("platform.tenant.suspend", "suspend tenants and resume them"),
    ("platform.tenant.archive", "archive tenants"),
    ("platform.plan.manage", "create and change plans"),
    ("platform.audit.read", "read the platform's audit log"),
    ("platform.mirror.manage", "accept a rebuilt cluster, and requeue what could not be mirrored"),
    ("platform.impersonate", "act within a tenant, audited"),
];

/// Bits of a set.
const _: () = assert!(TABLE.len() <= 64, "a set of permissions has 64 bits");

impl Permission {
    /// `tenant.read`: see the tenant and its settings.
    pub const TENANT_READ: Self = Self(0);
    /// `tenant.update`: change the tenant's name and settings.
    pub const TENANT_UPDATE: Self = Self(1);
    /// `user.read`: see users.
    pub const USER_READ: Self = Self(2);
    /// `user.create`: invite and create users.
    pub const USER_CREATE: Self = Self(3);
    /// `user.update`: change users.
    pub const USER_UPDATE: Self = Self(4);
    /// `user.delete`: delete users.
    pub const USER_DELETE: Self = Self(5);
    /// `user.role.assign`: give roles to users and take them away.
    pub const USER_ROLE_ASSIGN: Self = Self(6);
    /// `role.read`: see roles.
    pub const ROLE_READ: Self = Self(7);
    /// `role.create`: create roles.
    pub const ROLE_CREATE: Self = Self(8);
    /// `role.update`: change roles.
    pub const ROLE_UPDATE: Self = Self(9);
    /// `role.delete`: delete roles.
    pub const ROLE_DELETE: Self = Self(10);
    /// `policy.read`: see policies.
    pub const POLICY_READ: Self = Self(11);
    /// `policy.create`: create policies.
    pub const POLICY_CREATE: Self = Self(12);
    /// `policy.update`: change policies.
    pub const POLICY_UPDATE: Self = Self(13);
    /// `policy.delete`: delete policies.
    pub const POLICY_DELETE: Self = Self(14);
    /// `authorization.check`: ask what somebody may do, and why.
    pub const AUTHORIZATION_CHECK: Self = Self(15);
    /// `api-key.read`: see API keys, without their secrets.
    pub const API_KEY_READ: Self = Self(16);
    /// `api-key.create`: create API keys.
    pub const API_KEY_CREATE: Self = Self(17);
    /// `api-key.delete`: revoke API keys.
    pub const API_KEY_DELETE: Self = Self(18);
    /// `service-account.read`: see service accounts.
    pub const SERVICE_ACCOUNT_READ: Self = Self(19);
    /// `service-account.create`: create service accounts.
    pub const SERVICE_ACCOUNT_CREATE: Self = Self(20);
    /// `service-account.delete`: delete service accounts.
    pub const SERVICE_ACCOUNT_DELETE: Self = Self(21);
    /// `document.read`: see documents and their state.
    pub const DOCUMENT_READ: Self = Self(22);
    /// `document.content.read`: download the bytes of documents.
    pub const DOCUMENT_CONTENT_READ: Self = Self(23);
    /// `document.create`: upload documents.
    pub const DOCUMENT_CREATE: Self = Self(24);
    /// `document.update`: change the metadata of documents.
    pub const DOCUMENT_UPDATE: Self = Self(25);
    /// `document.delete`: delete documents.
    pub const DOCUMENT_DELETE: Self = Self(26);
    /// `document.process`: process documents again.
    pub const DOCUMENT_PROCESS: Self = Self(27);
    /// `chunk.read`: see the chunks of documents.
    pub const CHUNK_READ: Self = Self(28);
    /// `search.query`: search the knowledge base.
    pub const SEARCH_QUERY: Self = Self(29);
    /// `workflow.read`: see workflows and their revisions.
    pub const WORKFLOW_READ: Self = Self(30);
    /// `workflow.create`: create workflows.
    pub const WORKFLOW_CREATE: Self = Self(31);
    /// `workflow.update`: change workflows.
    pub const WORKFLOW_UPDATE: Self = Self(32);
    /// `workflow.archive`: archive workflows and bring them back.
    pub const WORKFLOW_ARCHIVE: Self = Self(33);
    /// `workflow.run.read`: see runs, their steps and outputs.
    pub const WORKFLOW_RUN_READ: Self = Self(34);
    /// `workflow.run.create`: start runs.
    pub const WORKFLOW_RUN_CREATE: Self = Self(35);
    /// `workflow.run.cancel`: cancel runs.
    pub const WORKFLOW_RUN_CANCEL: Self = Self(36);
    /// `workflow.run.rerun`: run again, wholly or from a failed step.
    pub const WORKFLOW_RUN_RERUN: Self = Self(37);
    /// `workflow.run.decide`: approve or refuse what a run asks.
    pub const WORKFLOW_RUN_DECIDE: Self = Self(38);
    /// `workflow.run.log.read`: read the logs of runs.
    pub const WORKFLOW_RUN_LOG_READ: Self = Self(39);
    /// `event.read`: follow events as they happen.
    pub const EVENT_READ: Self = Self(40);
    /// `audit.read`: read the audit log.
    pub const AUDIT_READ: Self = Self(41);
    /// `usage.read`: see usage against the plan's limits.
    pub const USAGE_READ: Self = Self(42);
    /// `billing.read`: see the subscription and invoices.
    pub const BILLING_READ: Self = Self(43);
    /// `billing.manage`: change the subscription.
    pub const BILLING_MANAGE: Self = Self(44);
    /// `schema.introspect`: read the GraphQL schema from the API.
    pub const SCHEMA_INTROSPECT: Self = Self(45);
    /// `plan.read`: see plans.
    pub const PLAN_READ: Self = Self(46);
    /// `platform.tenant.read`: see all tenants.
    pub const PLATFORM_TENANT_READ: Self = Self(47);
    /// `platform.tenant.create`: create tenants.
    pub const PLATFORM_TENANT_CREATE: Self = Self(48);
    /// `platform.tenant.update`: change the plan and settings of any tenant.
    pub const PLATFORM_TENANT_UPDATE: Self = Self(49);
    /// `platform.tenant.suspend`: suspend tenants and resume them.
    pub const PLATFORM_TENANT_SUSPEND: Self = Self(50);
    /// `platform.tenant.archive`: archive tenants.
    pub const PLATFORM_TENANT_ARCHIVE: Self = Self(51);
    /// `platform.plan.manage`: create and change plans.
    pub const PLATFORM_PLAN_MANAGE: Self = Self(52);
    /// `platform.audit.read`: read the platform's audit log.
    pub const PLATFORM_AUDIT_READ: Self = Self(53);
    /// `platform.mirror.manage`: accept a rebuilt cluster, and requeue what could not be mirrored.
    pub const PLATFORM_MIRROR_MANAGE: Self = Self(54);
    /// `platform.impersonate`: act within a tenant, audited.
    pub const PLATFORM_IMPERSONATE: Self = Self(55);
}
