//! `DELETE /v1/policies/{id}`

use axum::{extract::State, http::StatusCode};

use crate::{
    app::{self, App},
    http::{authorize::Member, etag::IfMatch, extract::Id},
    problem::Problem,
};

/// Delete a policy
///
/// Deletes a policy of the tenant that no role has.
///
/// Requires the permission `policy.delete`. Fails with 404 `not_found`, 409 `conflict` if a role has it, 412 `precondition_failed` if the
/// request has `If-Match` and the policy was changed since the client read it, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/policies/{id}", tag = "access",
    params(
        ("id" = Uuid, Path, description = "ID of the policy"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the policy, or `*` for any state"),
    ),
    responses((status = NO_CONTENT, description = "The policy was deleted"))
)]
pub(in crate::http) async fn delete_policy(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    app::policies::delete(&app, tenant.scope, id, condition.and_then(IfMatch::generation)).await?;
    Ok(StatusCode::NO_CONTENT)
}
