//! `GET /v1/policies/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::Policy;
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Get a policy
///
/// Returns a policy. Its `ETag` is required to change it. Requires the permission `policy.read`. Fails with 404 `not_found` if the tenant
/// has no such policy.
#[utoipa::path(
    get, path = "/v1/policies/{id}", tag = "access",
    params(
        ("id" = Uuid, Path, description = "ID of the policy"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Policy", body = Policy),
        (status = NOT_MODIFIED, description = "The policy has not changed"),
    )
)]
pub(in crate::http) async fn get_policy(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let policy = app::policies::get(&app, tenant.scope, id).await?;
    Ok(Policy::response(tenant.scope, policy, &headers))
}
