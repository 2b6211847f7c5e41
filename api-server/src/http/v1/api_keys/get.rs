//! `GET /v1/api-keys/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{ApiKey, ApiKeyField};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, fields::Fields},
    problem::Problem,
};

/// Get an API key
///
/// Returns an API key of the tenant, without its secret. Requires the permission `api-key.read`. Fails with 404 `not_found` if the
/// tenant has no such key.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", tag = "keys",
    params(
        ("id" = Uuid, Path, description = "ID of the key"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<ApiKeyField>,
    ),
    responses(
        (status = OK, description = "API key", body = ApiKey),
        (status = NOT_MODIFIED, description = "The key has not changed"),
    )
)]
pub(in crate::http) async fn get_api_key(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    fields: Fields<ApiKeyField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = app::api_keys::get(&app, tenant.scope, id).await?;
    Ok(ApiKey::selected(key, &headers, &fields))
}
