//! `GET /v1/audit-events` and `GET /v1/platform/audit-events`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::resource::{AuditEvent, AuditEventField};
use crate::{
    app::{
        App,
        audit::{self, Filter},
    },
    auth::Principal,
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
    },
    problem::{Code, Problem},
};

/// Filters of the lists.
#[derive(Clone, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by actor: the email address of the user, in lower case.
    #[param(example = "anna@acme.example")]
    actor: Option<String>,
    /// Filter by action: the permission that the operation requires.
    #[param(example = "workflow.run.cancel")]
    action: Option<String>,
    /// Filter by object: the ID of the tenant, workflow or run.
    object_id: Option<Uuid>,
    /// Filter by time: only operations that began after this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<jiff::Timestamp>,
    /// Filter by time: only operations that began before this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<jiff::Timestamp>,
}

impl From<Parameters> for Filter {
    fn from(parameters: Parameters) -> Self {
        let Parameters { actor, action, object_id, created_after, created_before } = parameters;
        Self { actor, action, object: object_id, created: created(created_after, created_before) }
    }
}

/// List audit events
///
/// Returns a page of the audit events of the tenant, newest first by default: one for each operation that was to change
/// something, by REST, by GraphQL or by a job of the platform, also if it was refused. Requires the permission `audit.read`.
#[utoipa::path(
    get, path = "/v1/audit-events", tag = "audit", params(PageParameters, Parameters, Fields<AuditEventField>),
    responses((status = OK, description = "Page of audit events", body = List<AuditEvent>))
)]
pub(in crate::http) async fn list_audit_events(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters, AuditEventField>,
) -> Result<Response, Problem> {
    let page = audit::list(&app, tenant.scope, request.filter.clone().into(), &request.paging).await?;
    let total = request.total_count(audit::count(&app, tenant.scope, request.filter.clone().into())).await?;
    Ok(request.response(page, total, AuditEvent::from))
}

/// List audit events of the platform
///
/// Returns a page of the audit events of the platform, newest first by default: of what its administrators do to tenants.
/// Requires the permission `platform.audit.read`.
#[utoipa::path(
    get, path = "/v1/platform/audit-events", tag = "audit", params(PageParameters, Parameters, Fields<AuditEventField>),
    responses((status = OK, description = "Page of audit events", body = List<AuditEvent>))
)]
pub(in crate::http) async fn list_platform_audit_events(
    State(app): State<App>,
    principal: Principal,
    request: ListRequest<Parameters, AuditEventField>,
) -> Result<Response, Problem> {
    let scope = principal.platform.ok_or_else(|| Problem::new(Code::Forbidden))?;
    let page = audit::list_of_platform(&app, scope, request.filter.clone().into(), &request.paging).await?;
    let total =
        request.total_count(audit::count_of_platform(&app, scope, request.filter.clone().into())).await?;
    Ok(request.response(page, total, AuditEvent::from))
}
