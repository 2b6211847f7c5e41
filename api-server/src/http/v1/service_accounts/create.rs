//! `POST /v1/service-accounts`

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{editor, resource::ServiceAccount};
use crate::{
    app::{self, App, idempotency::IdempotencyKey, service_accounts::Create},
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// New service account.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "importer", "roles": ["operator"]}))]
pub(in crate::http) struct CreateServiceAccount {
    /// Name: 1 to 40 lower-case letters, digits and hyphens. It begins with a letter, and is unique in the tenant.
    #[schema(example = "importer")]
    name: String,
    /// Purpose of the account; at most 500 characters.
    #[schema(example = "Imports orders every night")]
    description: Option<String>,
    /// Roles, 1 to 20: names of built-in roles and IDs of the tenant's own. The caller must have all of their permissions.
    #[schema(example = json!(["operator"]))]
    roles: Vec<String>,
}

/// Create a service account
///
/// Creates the account of a program, which sends requests with API keys of the account. With an `Idempotency-Key`, a retry returns the
/// account that the first request has created and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `service-account.create`. Fails with 403 `forbidden` if the roles have permissions that the caller lacks, 409
/// `already_exists`, 409 `conflict` if the tenant has too many accounts, 422 `invalid`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/service-accounts", tag = "keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreateServiceAccount,
    responses((status = CREATED, description = "Service account that was created", body = ServiceAccount,
               headers(("Location" = String, description = "Path of the service account"))))
)]
pub(in crate::http) async fn create_service_account(
    State(app): State<App>,
    member: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateServiceAccount>,
) -> Result<Response, Problem> {
    let CreateServiceAccount { name, description, roles } = body;
    let editor = editor(&member);
    let requested_by = member.principal.email;
    let create = Create { name, description, roles, requested_by, key };
    let (account, outcome) = app::service_accounts::create(&app, editor, create).await?;
    let location = HeaderValue::from_str(&format!("/v1/service-accounts/{}", account.id));
    let mut response = (StatusCode::CREATED, axum::Json(ServiceAccount::from(account))).into_response();
    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
