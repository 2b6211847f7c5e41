//! Filters of connections. An object is listed if it matches all criteria that are present.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use super::{
    global_id::{GlobalId, Kind},
    objects::{DocumentStatus, TenantStatus, UserStatus, WorkflowRunStatus, WorkflowStatus},
    scalars::DateTime,
};
use crate::{
    app::{self, roles::RoleReference},
    store::Created,
};

/// Filter of tenants.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct TenantFilter {
    /// Status of the tenants.
    status: Option<TenantStatus>,
    /// Only tenants created after this time.
    created_after: Option<DateTime>,
    /// Only tenants created before this time.
    created_before: Option<DateTime>,
}

/// Filter of workflows.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct WorkflowFilter {
    /// Status of the workflows.
    status: Option<WorkflowStatus>,
    /// Only workflows created after this time.
    created_after: Option<DateTime>,
    /// Only workflows created before this time.
    created_before: Option<DateTime>,
}

/// Filter of runs.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct WorkflowRunFilter {
    /// Status of the runs.
    status: Option<WorkflowRunStatus>,
    /// Only runs created after this time.
    created_after: Option<DateTime>,
    /// Only runs created before this time.
    created_before: Option<DateTime>,
}

/// Filter of documents.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct DocumentFilter {
    /// Status of the documents.
    status: Option<DocumentStatus>,
    /// Tag of the documents.
    tag: Option<String>,
    /// Only documents created after this time.
    created_after: Option<DateTime>,
    /// Only documents created before this time.
    created_before: Option<DateTime>,
}

/// Filter of audit events.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct AuditEventFilter {
    /// Actor: the email address of the user, in lower case.
    actor: Option<String>,
    /// Action: the permission that the operation requires.
    action: Option<String>,
    /// Object: the global ID of the tenant, workflow, run, user, invitation, API key, service account, role, policy or document.
    object_id: Option<ID>,
    /// Only operations that began after this time.
    created_after: Option<DateTime>,
    /// Only operations that began before this time.
    created_before: Option<DateTime>,
}

/// Filter of users.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct UserFilter {
    /// Status of the users.
    status: Option<UserStatus>,
    /// Role that the users have: name of a built-in role, or ID of a role of the tenant.
    role: Option<String>,
    /// Email address, in any spelling.
    email: Option<String>,
    /// Only users created after this time.
    created_after: Option<DateTime>,
    /// Only users created before this time.
    created_before: Option<DateTime>,
}

/// Filter of API keys.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct ApiKeyFilter {
    /// Owner: the global ID of the user that owns the keys.
    user_id: Option<ID>,
    /// Owner: the global ID of the service account that owns the keys.
    service_account_id: Option<ID>,
}

impl From<ApiKeyFilter> for app::api_keys::Filter {
    fn from(ApiKeyFilter { user_id, service_account_id }: ApiKeyFilter) -> Self {
        // What is no ID of an owner owns no keys.
        let owner = |kind: Kind, id: ID| kind.decode(&id).unwrap_or_default();
        Self {
            user: user_id.map(|id| owner(Kind::User, id)),
            service_account: service_account_id.map(|id| owner(Kind::ServiceAccount, id)),
        }
    }
}

impl From<DocumentFilter> for app::documents::Filter {
    fn from(DocumentFilter { status, tag, created_after, created_before }: DocumentFilter) -> Self {
        Self { status: status.map(Into::into), tag, created: created(created_after, created_before) }
    }
}

impl From<UserFilter> for app::users::Filter {
    fn from(filter: UserFilter) -> Self {
        let UserFilter { status, role, email, created_after, created_before } = filter;
        let created = created(created_after, created_before);
        Self { status: status.map(Into::into), role, email, created }
    }
}

impl From<TenantFilter> for app::tenants::Filter {
    fn from(TenantFilter { status, created_after, created_before }: TenantFilter) -> Self {
        Self { state: status.map(Into::into), created: created(created_after, created_before) }
    }
}

impl From<WorkflowFilter> for app::workflows::Filter {
    fn from(WorkflowFilter { status, created_after, created_before }: WorkflowFilter) -> Self {
        Self { state: status.map(Into::into), created: created(created_after, created_before) }
    }
}

impl From<WorkflowRunFilter> for app::runs::Filter {
    fn from(WorkflowRunFilter { status, created_after, created_before }: WorkflowRunFilter) -> Self {
        let created = created(created_after, created_before);
        Self { workflow: None, status: status.map(Into::into), created }
    }
}

impl From<AuditEventFilter> for app::audit::Filter {
    fn from(filter: AuditEventFilter) -> Self {
        let AuditEventFilter { actor, action, object_id, created_after, created_before } = filter;
        Self {
            actor,
            action,
            // No event concerns a text that is no global ID, or an object that nobody changes.
            object: object_id.map(|id| match GlobalId::decode(&id) {
                Some(GlobalId::Object(_, id) | GlobalId::Role(RoleReference::Own(id))) => id,
                Some(
                    GlobalId::Event(_) | GlobalId::Revision(_) | GlobalId::Role(RoleReference::BuiltIn(_)),
                )
                | None => Uuid::nil(),
            }),
            created: created(created_after, created_before),
        }
    }
}

fn created(after: Option<DateTime>, before: Option<DateTime>) -> Created {
    let timestamp = |DateTime(time): DateTime| time.into();
    Created { after: after.map(timestamp), before: before.map(timestamp) }
}
