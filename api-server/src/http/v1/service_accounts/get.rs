//! `GET /v1/service-accounts/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{ServiceAccount, ServiceAccountField};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, fields::Fields},
    problem::Problem,
};

/// Get a service account
///
/// Returns a service account of the tenant. Requires the permission `service-account.read`. Fails with 404 `not_found` if the tenant has
/// no such account.
#[utoipa::path(
    get, path = "/v1/service-accounts/{id}", tag = "keys",
    params(
        ("id" = Uuid, Path, description = "ID of the service account"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<ServiceAccountField>,
    ),
    responses(
        (status = OK, description = "Service account", body = ServiceAccount),
        (status = NOT_MODIFIED, description = "The account has not changed"),
    )
)]
pub(in crate::http) async fn get_service_account(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    fields: Fields<ServiceAccountField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let account = app::service_accounts::get(&app, tenant.scope, id).await?;
    Ok(ServiceAccount::selected(account, &headers, &fields))
}
