//! `POST /v1/policies`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use domain::policy::PolicySpec;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    resource::Policy,
    rule::{Effect, PolicyCondition, ResourceSelector, converted},
};
use crate::{
    app::{
        self, App,
        idempotency::IdempotencyKey,
        policies::{Create, NewPolicy},
    },
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// Policy to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct CreatePolicy {
    /// Name of the policy, unique in the tenant without regard to case; at most 100 characters.
    #[schema(example = "Runs of the finance team")]
    name: String,
    /// Description of the policy; at most 1,000 characters. Default: none.
    #[serde(default)]
    description: String,
    /// Effect of the policy.
    effect: Effect,
    /// Nodes of the permission tree, such as `workflow.run.create`, `workflow.run` or `workflow.*`; `*` is all of them. 1 to 60.
    #[schema(example = json!(["workflow.run.*"]))]
    actions: Vec<String>,
    /// Resources that the policy concerns: those that one of the selectors selects; at most 50. Default: all resources.
    #[serde(default)]
    resources: Vec<ResourceSelector>,
    /// Conditions, which must all be true; at most 10. Default: none.
    #[serde(default)]
    conditions: Vec<PolicyCondition>,
}

/// Create a policy
///
/// Creates a policy of the tenant, which has no effect until a role has it. It may allow only what the caller may do itself for all
/// resources. With an `Idempotency-Key`, a retry returns the policy that the first request has created and the header
/// `Idempotent-Replayed: true`.
///
/// Requires the permission `policy.create`. Fails with 403 `forbidden` if the policy would allow more than the caller may do, 409
/// `already_exists`, 409 `conflict` if the tenant has 1,000 policies, 409 `idempotency_in_flight`, 422 `invalid`, 422
/// `idempotency_key_reused`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/policies", tag = "access",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreatePolicy,
    responses((status = CREATED, description = "Policy that was created", body = Policy,
               headers(("Location" = String, description = "Path of the policy"))))
)]
pub(in crate::http) async fn create_policy(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreatePolicy>,
) -> Result<Response, Problem> {
    let CreatePolicy { name, description, effect, actions, resources, conditions } = body;
    let (resources, conditions) = (converted(resources), converted(conditions));
    let spec = PolicySpec { effect: effect.into(), actions, resources, conditions };
    let policy = NewPolicy { name, description, spec };
    let (scope, own) = (tenant.scope, tenant.grantable(principal.permissions));
    let create = Create { policy, requested_by: principal.email, key };
    let (policy, outcome) = app::policies::create(&app, scope, own, create).await?;
    let location = format!("/v1/policies/{}", policy.id);
    let mut response = Policy::response(scope, policy, &HeaderMap::new());
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
