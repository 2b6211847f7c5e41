//! All permissions. Their order is the order of bits in a set; sets are never stored, so the order may
//! change.

/// One permission: a leaf of the permission tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(u8);

impl Permission {
    /// Returns the dotted name, such as `workflow.run.create`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.get(usize::from(self.0)).map_or("", |(name, _)| name)
    }

    /// Returns a description for users: the actions that the permission allows.
    #[must_use]
    pub fn description(self) -> &'static str {
        TABLE.get(usize::from(self.0)).map_or("", |(_, description)| description)
    }

    /// Returns all permissions, in the order of their bits.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(TABLE.len()).map(Self)
    }

    pub(super) const fn bit(self) -> u64 {
        1 << self.0
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Name and description of each permission.
const TABLE: &[(&str, &str)] = &[
    ("tenant.read", "view the tenant and its settings"),
    ("tenant.update", "update the tenant's name and settings"),
    ("user.read", "view users"),
    ("user.create", "invite and create users"),
    ("user.update", "update users"),
    ("user.delete", "delete users"),
    ("user.role.assign", "assign roles to users and remove them"),
    ("role.read", "view roles"),
    ("role.create", "create roles"),
    ("role.update", "update roles"),
    ("role.delete", "delete roles"),
    ("policy.read", "view policies"),
    ("policy.create", "create policies"),
    ("policy.update", "update policies"),
    ("policy.delete", "delete policies"),
    ("authorization.check", "check the permissions of a user, and where they come from"),
    ("api-key.read", "view API keys, without their secrets"),
    ("api-key.create", "create API keys"),
    ("api-key.delete", "revoke API keys"),
    ("service-account.read", "view service accounts"),
    ("service-account.create", "create service accounts"),
    ("service-account.delete", "delete service accounts"),
    ("document.read", "view documents and their state"),
    ("document.content.read", "download the content of documents"),
    ("document.create", "upload documents"),
    ("document.update", "update the metadata of documents"),
    ("document.delete", "delete documents"),
    ("document.process", "reprocess documents"),
    ("chunk.read", "view the chunks of documents"),
    ("search.query", "search the knowledge base"),
    ("workflow.read", "view workflows and their revisions"),
    ("workflow.create", "create workflows"),
    ("workflow.update", "update workflows"),
    ("workflow.archive", "archive and restore workflows"),
    ("workflow.run.read", "view runs, their steps and outputs"),
    ("workflow.run.create", "start runs"),
    ("workflow.run.cancel", "cancel runs"),
    ("workflow.run.rerun", "rerun runs, from the beginning or from a failed step"),
    ("workflow.run.decide", "approve or reject approval steps of runs"),
    ("workflow.run.log.read", "view the logs of runs"),
    ("event.read", "stream events"),
    ("audit.read", "view the audit log"),
    ("usage.read", "view usage against the limits of the plan"),
    ("billing.read", "view the subscription and invoices"),
    ("billing.manage", "update the subscription"),
    ("schema.introspect", "read the GraphQL schema by introspection"),
    ("plan.read", "view plans"),
    ("platform.tenant.read", "view all tenants"),
    ("platform.tenant.create", "create tenants"),
    ("platform.tenant.update", "update the plan and settings of any tenant"),
    ("platform.tenant.suspend", "suspend and resume tenants"),
    ("platform.tenant.archive", "archive tenants"),
    ("platform.plan.manage", "create and update plans"),
    ("platform.audit.read", "view the audit log of the platform"),
    ("platform.mirror.manage", "accept a rebuilt cluster, and retry quarantined objects"),
    ("platform.impersonate", "act within a tenant; every action is audited"),
    ("workflow.run.delete", "delete finished runs with their records and logs"),
];

const _: () = assert!(TABLE.len() <= 64, "a set of permissions has 64 bits");

impl Permission {
    /// `tenant.read`: view the tenant and its settings.
    pub const TENANT_READ: Self = Self(0);
    /// `tenant.update`: update the tenant's name and settings.
    pub const TENANT_UPDATE: Self = Self(1);
    /// `user.read`: view users.
    pub const USER_READ: Self = Self(2);
    /// `user.create`: invite and create users.
    pub const USER_CREATE: Self = Self(3);
    /// `user.update`: update users.
    pub const USER_UPDATE: Self = Self(4);
    /// `user.delete`: delete users.
    pub const USER_DELETE: Self = Self(5);
    /// `user.role.assign`: assign roles to users and remove them.
    pub const USER_ROLE_ASSIGN: Self = Self(6);
    /// `role.read`: view roles.
    pub const ROLE_READ: Self = Self(7);
    /// `role.create`: create roles.
    pub const ROLE_CREATE: Self = Self(8);
    /// `role.update`: update roles.
    pub const ROLE_UPDATE: Self = Self(9);
    /// `role.delete`: delete roles.
    pub const ROLE_DELETE: Self = Self(10);
    /// `policy.read`: view policies.
    pub const POLICY_READ: Self = Self(11);
    /// `policy.create`: create policies.
    pub const POLICY_CREATE: Self = Self(12);
    /// `policy.update`: update policies.
    pub const POLICY_UPDATE: Self = Self(13);
    /// `policy.delete`: delete policies.
    pub const POLICY_DELETE: Self = Self(14);
    /// `authorization.check`: check the permissions of a user, and where they come from.
    pub const AUTHORIZATION_CHECK: Self = Self(15);
    /// `api-key.read`: view API keys, without their secrets.
    pub const API_KEY_READ: Self = Self(16);
    /// `api-key.create`: create API keys.
    pub const API_KEY_CREATE: Self = Self(17);
    /// `api-key.delete`: revoke API keys.
    pub const API_KEY_DELETE: Self = Self(18);
    /// `service-account.read`: view service accounts.
    pub const SERVICE_ACCOUNT_READ: Self = Self(19);
    /// `service-account.create`: create service accounts.
    pub const SERVICE_ACCOUNT_CREATE: Self = Self(20);
    /// `service-account.delete`: delete service accounts.
    pub const SERVICE_ACCOUNT_DELETE: Self = Self(21);
    /// `document.read`: view documents and their state.
    pub const DOCUMENT_READ: Self = Self(22);
    /// `document.content.read`: download the content of documents.
    pub const DOCUMENT_CONTENT_READ: Self = Self(23);
    /// `document.create`: upload documents.
    pub const DOCUMENT_CREATE: Self = Self(24);
    /// `document.update`: update the metadata of documents.
    pub const DOCUMENT_UPDATE: Self = Self(25);
    /// `document.delete`: delete documents.
    pub const DOCUMENT_DELETE: Self = Self(26);
    /// `document.process`: reprocess documents.
    pub const DOCUMENT_PROCESS: Self = Self(27);
    /// `chunk.read`: view the chunks of documents.
    pub const CHUNK_READ: Self = Self(28);
    /// `search.query`: search the knowledge base.
    pub const SEARCH_QUERY: Self = Self(29);
    /// `workflow.read`: view workflows and their revisions.
    pub const WORKFLOW_READ: Self = Self(30);
    /// `workflow.create`: create workflows.
    pub const WORKFLOW_CREATE: Self = Self(31);
    /// `workflow.update`: update workflows.
    pub const WORKFLOW_UPDATE: Self = Self(32);
    /// `workflow.archive`: archive and restore workflows.
    pub const WORKFLOW_ARCHIVE: Self = Self(33);
    /// `workflow.run.read`: view runs, their steps and outputs.
    pub const WORKFLOW_RUN_READ: Self = Self(34);
    /// `workflow.run.create`: start runs.
    pub const WORKFLOW_RUN_CREATE: Self = Self(35);
    /// `workflow.run.cancel`: cancel runs.
    pub const WORKFLOW_RUN_CANCEL: Self = Self(36);
    /// `workflow.run.rerun`: rerun runs, from the beginning or from a failed step.
    pub const WORKFLOW_RUN_RERUN: Self = Self(37);
    /// `workflow.run.decide`: approve or reject approval steps of runs.
    pub const WORKFLOW_RUN_DECIDE: Self = Self(38);
    /// `workflow.run.log.read`: view the logs of runs.
    pub const WORKFLOW_RUN_LOG_READ: Self = Self(39);
    /// `event.read`: stream events.
    pub const EVENT_READ: Self = Self(40);
    /// `audit.read`: view the audit log.
    pub const AUDIT_READ: Self = Self(41);
    /// `usage.read`: view usage against the limits of the plan.
    pub const USAGE_READ: Self = Self(42);
    /// `billing.read`: view the subscription and invoices.
    pub const BILLING_READ: Self = Self(43);
    /// `billing.manage`: update the subscription.
    pub const BILLING_MANAGE: Self = Self(44);
    /// `schema.introspect`: read the GraphQL schema by introspection.
    pub const SCHEMA_INTROSPECT: Self = Self(45);
    /// `plan.read`: view plans.
    pub const PLAN_READ: Self = Self(46);
    /// `platform.tenant.read`: view all tenants.
    pub const PLATFORM_TENANT_READ: Self = Self(47);
    /// `platform.tenant.create`: create tenants.
    pub const PLATFORM_TENANT_CREATE: Self = Self(48);
    /// `platform.tenant.update`: update the plan and settings of any tenant.
    pub const PLATFORM_TENANT_UPDATE: Self = Self(49);
    /// `platform.tenant.suspend`: suspend and resume tenants.
    pub const PLATFORM_TENANT_SUSPEND: Self = Self(50);
    /// `platform.tenant.archive`: archive tenants.
    pub const PLATFORM_TENANT_ARCHIVE: Self = Self(51);
    /// `platform.plan.manage`: create and update plans.
    pub const PLATFORM_PLAN_MANAGE: Self = Self(52);
    /// `platform.audit.read`: view the audit log of the platform.
    pub const PLATFORM_AUDIT_READ: Self = Self(53);
    /// `platform.mirror.manage`: accept a rebuilt cluster, and retry quarantined objects.
    pub const PLATFORM_MIRROR_MANAGE: Self = Self(54);
    /// `platform.impersonate`: act within a tenant; every action is audited.
    pub const PLATFORM_IMPERSONATE: Self = Self(55);
    /// `workflow.run.delete`: delete finished runs with their records and logs.
    pub const WORKFLOW_RUN_DELETE: Self = Self(56);
}
