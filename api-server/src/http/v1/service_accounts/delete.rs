//! `DELETE /v1/service-accounts/{id}`

use axum::{extract::State, http::StatusCode};

use super::editor;
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Delete a service account
///
/// Deletes a service account with its API keys: within 5 seconds, all requests with them are refused with 401 `invalid_token`.
///
/// Requires the permission `service-account.delete`. Fails with 403 `forbidden` if the account has permissions that the caller lacks, 404
/// `not_found` if the tenant has no such account, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/service-accounts/{id}", tag = "keys",
    params(("id" = Uuid, Path, description = "ID of the service account")),
    responses((status = NO_CONTENT, description = "The service account was deleted"))
)]
pub(in crate::http) async fn delete_service_account(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app::service_accounts::delete(&app, editor(&member), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
