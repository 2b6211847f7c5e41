//! `POST /v1/roles`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::resource::Role;
use crate::{
    app::{
        self, App,
        idempotency::IdempotencyKey,
        roles::{Create, NewRole},
    },
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// Role to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct CreateRole {
    /// Name of the role, unique in the tenant without regard to case; at most 100 characters.
    #[schema(example = "Finance")]
    name: String,
    /// Description of the role; at most 1,000 characters. Default: none.
    #[serde(default)]
    description: String,
    /// IDs of its policies; at most 20. Default: none.
    #[serde(default)]
    policies: Vec<Uuid>,
}

/// Create a role
///
/// Creates a role of the tenant. Its policies may allow only what the caller may do itself for all resources. With an
/// `Idempotency-Key`, a retry returns the role that the first request has created and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `role.create`. Fails with 403 `forbidden` if the role would allow more than the caller may do, 409
/// `already_exists`, 409 `conflict` if the tenant has 200 roles, 409 `idempotency_in_flight`, 422 `invalid`, 422
/// `idempotency_key_reused`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/roles", tag = "access",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreateRole,
    responses((status = CREATED, description = "Role that was created", body = Role,
               headers(("Location" = String, description = "Path of the role"))))
)]
pub(in crate::http) async fn create_role(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateRole>,
) -> Result<Response, Problem> {
    let CreateRole { name, description, policies } = body;
    let (scope, own) = (tenant.scope, tenant.grantable(principal.permissions));
    let role = NewRole { name, description, policies };
    let create = Create { role, requested_by: principal.email, key };
    let (role, outcome) = app::roles::create(&app, scope, own, create).await?;
    let location = format!("/v1/roles/{}", role.reference());
    let mut response = Role::response(scope, role, &HeaderMap::new());
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
