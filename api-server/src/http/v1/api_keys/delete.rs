//! `DELETE /v1/api-keys/{id}`

use axum::{extract::State, http::StatusCode};

use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Revoke an API key
///
/// Deletes an API key: within 5 seconds, all requests with it are refused with 401 `invalid_token`.
///
/// Requires the permission `api-key.delete`. Fails with 404 `not_found` if the tenant has no such key, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "keys",
    params(("id" = Uuid, Path, description = "ID of the key")),
    responses((status = NO_CONTENT, description = "The key was revoked"))
)]
pub(in crate::http) async fn revoke_api_key(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app::api_keys::revoke(&app, tenant.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
