//! `POST /v1/api-keys/{id}/rotations`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{creator, resource::CreatedApiKey};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        extract::{Id, Json},
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
    #[serde(default = "one_day")]
    overlap_seconds: i64,
}

fn one_day() -> i64 {
    86_400
}

/// Rotate an API key
///
/// Creates an API key with the owner, the name, the scopes and the lifetime of another one, which expires after the overlap.
///
/// Requires the permission `api-key.create`. Fails with 403 `forbidden` if the key belongs to another user or has scopes that the caller lacks, 404 `not_found`, 422
/// `invalid`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/rotations", tag = "keys",
    params(("id" = Uuid, Path, description = "ID of the key to replace")),
    request_body = RotateApiKey,
    responses((status = CREATED, description = "New API key with its secret", body = CreatedApiKey,
               headers(("Location" = String, description = "Path of the key"))))
)]
pub(in crate::http) async fn rotate_api_key(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    Json(body): Json<RotateApiKey>,
) -> Result<Response, Problem> {
    let created = app::api_keys::rotate(&app, creator(&member), id, body.overlap_seconds).await?;
    Ok(CreatedApiKey::response(created))
}
