//! `PATCH /v1/policies/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    resource::Policy,
    rule::{Effect, PolicyCondition, ResourceSelector, converted},
};
use crate::{
    app::{self, App, policies::Patch},
    http::{
        authorize::Member,
        etag::IfMatch,
        extract::{Id, MergePatch},
    },
    problem::Problem,
};

/// Change of a policy. Absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct UpdatePolicy {
    /// New name; at most 100 characters.
    name: Option<String>,
    /// New description; at most 1,000 characters.
    description: Option<String>,
    /// New effect.
    effect: Option<Effect>,
    /// All its actions, which replace the earlier ones; 1 to 60.
    actions: Option<Vec<String>>,
    /// All its resources, which replace the earlier ones; at most 50.
    resources: Option<Vec<ResourceSelector>>,
    /// All its conditions, which replace the earlier ones; at most 10.
    conditions: Option<Vec<PolicyCondition>>,
}

/// Change a policy
///
/// Changes a policy of the tenant, for all roles with it, within 5 s. It may allow only what the caller may do itself for all
/// resources; a denial can be changed only by a caller who may do what it denies.
///
/// Requires the permission `policy.update`. Fails with 403 `forbidden` if the caller would grant more than it may do, 404 `not_found`,
/// 409 `already_exists`, 412 `precondition_failed` if the policy was changed since the client read it, 415 `unsupported_media_type`,
/// 422 `invalid`, 423 `tenant_suspended`, or 428 `precondition_required`.
#[utoipa::path(
    patch, path = "/v1/policies/{id}", tag = "access",
    params(
        ("id" = Uuid, Path, description = "ID of the policy"),
        ("If-Match" = String, Header, description = "`ETag` of the policy, or `*` for any state"),
    ),
    request_body(content = UpdatePolicy, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed policy", body = Policy))
)]
pub(in crate::http) async fn update_policy(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Id(id): Id,
    condition: IfMatch,
    MergePatch(body): MergePatch<UpdatePolicy>,
) -> Result<Response, Problem> {
    let UpdatePolicy { name, description, effect, actions, resources, conditions } = body;
    let patch = Patch {
        name,
        description,
        effect: effect.map(Into::into),
        actions,
        resources: resources.map(converted),
        conditions: conditions.map(converted),
    };
    let (scope, own) = (tenant.scope, tenant.grantable(principal.permissions));
    let policy = app::policies::update(&app, scope, own, id, condition.generation(), patch).await?;
    Ok(Policy::response(scope, policy, &HeaderMap::new()))
}
