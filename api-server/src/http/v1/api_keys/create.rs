//! `POST /v1/api-keys`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{creator, resource::CreatedApiKey};
use crate::{
    app::{self, App, api_keys::Create, idempotency::IdempotencyKey},
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// New API key.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Nightly import", "scopes": ["workflow.read"], "serviceAccountId": "e0000000-0000-4000-8000-000000000001"}))]
pub(in crate::http) struct CreateApiKey {
    /// Name; at most 120 characters.
    #[schema(example = "Nightly import")]
    name: String,
    /// Nodes of the permission tree, 1 to 64. The caller must have all of their permissions, or those that the service account has.
    #[schema(example = json!(["workflow.read", "workflow.run"]))]
    scopes: Vec<String>,
    /// Time after which the key is refused, at most 366 days from now. Default: 90 days from now.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<jiff::Timestamp>,
    /// ID of the service account that owns the key. Default: the user of the caller.
    service_account_id: Option<Uuid>,
}

/// Create an API key
///
/// Creates a key with which a program sends requests as the user of the caller, or as a service account. The response has the secret,
/// which is not stored and cannot be shown again. A request with the key has the permissions that its owner has at that time and that
/// are among the scopes. With an `Idempotency-Key`, a retry returns the key without its secret and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `api-key.create`. Fails with 403 `forbidden` if the key would have permissions that the caller lacks, 409
/// `conflict` if the tenant has too many keys, 422 `invalid`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreateApiKey,
    responses((status = CREATED, description = "API key with its secret", body = CreatedApiKey,
               headers(("Location" = String, description = "Path of the key"))))
)]
pub(in crate::http) async fn create_api_key(
    State(app): State<App>,
    member: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateApiKey>,
) -> Result<Response, Problem> {
    let CreateApiKey { name, scopes, expires_at, service_account_id: service_account } = body;
    let creator = creator(&member);
    let requested_by = member.principal.email;
    let create = Create { name, scopes, expires_at, service_account, requested_by, key };
    let (created, outcome) = app::api_keys::create(&app, creator, create).await?;
    let mut response = CreatedApiKey::response(created);
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
