//! `POST /v1/api-keys/{id}/rotations`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{creator, resource::CreatedApiKey};
use crate::{
    app::{self, App, api_keys::Rotate, idempotency::IdempotencyKey},
    http::{
        authorize::Member,
        extract::{Id, Json},
        idempotency::replayed,
    },
    problem::Problem,
};

/// Rotation of an API key.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"overlapSeconds": 3600}))]
pub(in crate::http) struct RotateApiKey {
    /// Time for which the old key remains valid, in seconds: 0 to 604,800, which is 7 days. Default: 86,400, which is a day.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<i64>,
}

/// Rotate an API key
///
/// Creates an API key with the owner, the name, the scopes and the lifetime of another one, which expires after the overlap. With an
/// `Idempotency-Key`, a retry returns the new key without its secret and the header `Idempotent-Replayed: true`, and rotates nothing.
///
/// Requires the permission `api-key.create`. Fails with 403 `forbidden` if the key belongs to another user or has scopes that the caller lacks, 404 `not_found`, 409
/// `idempotency_in_flight`, 422 `invalid`, 422 `idempotency_key_reused`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/rotations", tag = "keys",
    params(
        ("id" = Uuid, Path, description = "ID of the key to replace"),
        ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours"),
    ),
    request_body = RotateApiKey,
    responses((status = CREATED, description = "New API key with its secret", body = CreatedApiKey,
               headers(("Location" = String, description = "Path of the key"))))
)]
pub(in crate::http) async fn rotate_api_key(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    key: Option<IdempotencyKey>,
    Json(body): Json<RotateApiKey>,
) -> Result<Response, Problem> {
    let RotateApiKey { overlap_seconds } = body;
    let creator = creator(&member);
    let rotate = Rotate { id, overlap_seconds, requested_by: member.principal.email, key };
    let (created, outcome) = app::api_keys::rotate(&app, creator, rotate).await?;
    let mut response = CreatedApiKey::response(created);
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
