//! `POST /v1/authorization/simulations`

use axum::extract::State;
use domain::policy::PolicySpec;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::{
        self, App,
        authorization::{DEFAULT_REQUESTS, Difference, Draft, Simulation},
    },
    http::{
        authorize::Member,
        extract::Json,
        v1::{
            policies::rule::{Effect, PolicyCondition, ResourceSelector, converted},
            time::Time,
        },
    },
    problem::Problem,
};

/// Simulation of a policy.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct SimulationRequest {
    /// Draft of the policy.
    policy: PolicyDraft,
    /// Roles that would have the policy: names of built-in roles and IDs of roles of the tenant; 1 to 20.
    roles: Vec<String>,
    /// ID of the policy that the draft would replace. Default: none.
    replaces: Option<Uuid>,
    /// Number of the newest requests in the audit log to evaluate, 1 to 500. Default: 100.
    requests: Option<usize>,
}

/// Draft of a policy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PolicyDraft {
    /// Effect of the policy.
    effect: Effect,
    /// Nodes of the permission tree; 1 to 60.
    #[schema(example = json!(["workflow.run.*"]))]
    actions: Vec<String>,
    /// Selectors of resources; at most 50. Default: all resources.
    #[serde(default)]
    resources: Vec<ResourceSelector>,
    /// Conditions, which must all be true; at most 10. Default: none.
    #[serde(default)]
    conditions: Vec<PolicyCondition>,
}

/// Result of a simulation.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SimulationResult {
    /// Number of requests that were evaluated.
    evaluated: usize,
    /// Number of requests that were not evaluated, because the decision depends on a resource that is not known any more.
    undetermined: usize,
    /// Requests whose decision would change, newest first.
    differences: Vec<SimulatedDifference>,
}

/// Request whose decision would change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SimulatedDifference {
    /// ID of the audit event of the request.
    audit_event_id: Uuid,
    /// Time of the request.
    created_at: Time,
    /// Email address of the caller.
    #[schema(required = true)]
    actor: Option<String>,
    /// Permission that the request required.
    action: String,
    /// ID of the object of the request.
    #[schema(required = true)]
    object_id: Option<Uuid>,
    /// Whether it would be allowed with the policies of now.
    before: bool,
    /// Whether it would be allowed with the draft.
    after: bool,
}

/// Simulate a policy
///
/// Evaluates the newest requests in the audit log with the policies of now, and with a draft of a policy, and returns those whose decision
/// would change. Nothing is stored. Requests that only read are not in the audit log. Conditions on the number of factors of a login are
/// not known, since the audit log does not have it.
///
/// Requires the permissions `authorization.check` and `audit.read`. Fails with 403 `forbidden`, or 422 `invalid`.
#[utoipa::path(
    post, path = "/v1/authorization/simulations", tag = "access", request_body = SimulationRequest,
    responses((status = OK, description = "Result of the simulation", body = SimulationResult))
)]
pub(in crate::http) async fn simulate_policy(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Json(SimulationRequest { policy, roles, replaces, requests }): Json<SimulationRequest>,
) -> Result<axum::Json<SimulationResult>, Problem> {
    let requests = requests.unwrap_or(DEFAULT_REQUESTS);
    let PolicyDraft { effect, actions, resources, conditions } = policy;
    let (resources, conditions) = (converted(resources), converted(conditions));
    let spec = PolicySpec { effect: effect.into(), actions, resources, conditions };
    let draft = Draft { spec, roles, replaces, requests };
    let Simulation { evaluated, undetermined, differences } =
        app::authorization::simulate(&app, tenant.scope, principal.permissions, &draft).await?;
    let differences = differences.into_iter().map(SimulatedDifference::from).collect();
    Ok(axum::Json(SimulationResult { evaluated, undetermined, differences }))
}

impl From<Difference> for SimulatedDifference {
    fn from(Difference { event, before, after }: Difference) -> Self {
        Self {
            audit_event_id: event.id,
            created_at: event.created_at.into(),
            actor: event.actor_email,
            action: event.action,
            object_id: event.object_id,
            before,
            after,
        }
    }
}
