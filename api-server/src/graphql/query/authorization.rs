//! The fields `can`, `explainAuthorization` and `simulatePolicy` of GraphQL queries.

use std::net::IpAddr;

use async_graphql::{Context, ID, InputObject, Object, Result};
use domain::policy::{PolicySpec, Request};

use crate::{
    app::{
        self, Violation,
        authorization::{Check, CheckedRight, DEFAULT_REQUESTS, Draft, ResourceReference, Subject},
    },
    graphql::{
        error::from_app,
        global_id::{GlobalId, Kind, role_references},
        objects::{
            AuthorizationAnswer, AuthorizationExplanation, PolicyCondition, PolicyEffect, ResourceSelector,
            SimulationResult, parsed,
        },
        request::Caller,
        scalars::DateTime,
    },
};

/// Question about a right of the caller.
#[derive(InputObject)]
pub(super) struct AuthorizationCheckInput {
    /// Permission: a leaf of the permission tree, such as `workflow.run.create`.
    action: String,
    /// Global ID of a workflow, a run or a document. Default: the permission in general.
    resource_id: Option<ID>,
}

/// Principal of a question, with the circumstances of its request. What is absent is not known.
#[derive(InputObject)]
pub(super) struct ExplainedPrincipalInput {
    /// Roles: names of built-in roles and IDs of roles of the tenant; at most 40.
    roles: Vec<String>,
    /// Email address.
    email: Option<String>,
    /// Address of the client, such as `192.0.2.7`.
    address: Option<String>,
    /// Time of the request.
    time: Option<DateTime>,
    /// Whether the principal has logged in with several factors.
    mfa: Option<bool>,
}

/// Draft of a policy.
#[derive(InputObject)]
pub(super) struct PolicyDraftInput {
    /// Effect of the policy.
    effect: PolicyEffect,
    /// Nodes of the permission tree; 1 to 60.
    actions: Vec<String>,
    /// Selectors of resources; at most 50. Default: all resources.
    #[graphql(default)]
    resources: Vec<ResourceSelector>,
    /// Conditions, which must all be true; at most 10. Default: none.
    #[graphql(default)]
    conditions: Vec<PolicyCondition>,
}

/// Input of `simulatePolicy`.
#[derive(InputObject)]
pub(super) struct SimulatePolicyInput {
    /// Draft of the policy.
    policy: PolicyDraftInput,
    /// Roles that would have the policy: names of built-in roles and IDs of roles of the tenant; 1 to 20.
    roles: Vec<String>,
    /// Global ID of the policy that the draft would replace. Default: none.
    replaces: Option<ID>,
    /// Number of the newest requests in the audit log to evaluate, 1 to 500. Default: 100.
    requests: Option<i32>,
}

impl SimulatePolicyInput {
    fn draft(self) -> Result<Draft, app::Error> {
        let Self { policy, roles, replaces, requests } = self;
        let PolicyDraftInput { effect, actions, resources, conditions } = policy;
        let (resources, conditions) =
            (parsed("/policy/resources", resources), parsed("/policy/conditions", conditions));
        let (resources, conditions) = match (resources, conditions) {
            (Ok(resources), Ok(conditions)) => (resources, conditions),
            (resources, conditions) => {
                let violations = [resources.err(), conditions.err()].into_iter().flatten().flatten();
                return Err(invalid("simulate the policy", violations.collect()));
            }
        };
        Ok(Draft {
            spec: PolicySpec { effect: effect.into(), actions, resources, conditions },
            roles: role_references(roles),
            // A text that is no ID of a policy replaces none.
            replaces: replaces.and_then(|id| Kind::Policy.decode(&id)),
            requests: requests.map_or(DEFAULT_REQUESTS, |requests| usize::try_from(requests).unwrap_or(0)),
        })
    }
}

impl ExplainedPrincipalInput {
    fn subject(self) -> Result<Subject, app::Error> {
        let Self { roles, email, address, time, mfa } = self;
        let parse = |address: String| address.parse::<IpAddr>();
        let address = address.map(parse).transpose().map_err(|_| {
            let (pointer, code) = ("/principal/address".to_owned(), "invalid".to_owned());
            let message = "must be an IP address".to_owned();
            invalid("explain a decision", vec![Violation { pointer, code, message }])
        })?;
        let time = time.map(|DateTime(time)| time);
        let request = Request { principal: email, address, time, mfa };
        Ok(Subject { roles: role_references(roles), request })
    }
}

fn invalid(action: &'static str, violations: Vec<Violation>) -> app::Error {
    app::Error::InvalidRule { action, violations }
}

/// Returns the workflow, the run or the document with a global ID. A text that is no ID of one is that of none.
fn resource(id: &ID) -> ResourceReference {
    match GlobalId::decode(id) {
        Some(GlobalId::Object(Kind::Workflow, id)) => ResourceReference::Workflow(id),
        Some(GlobalId::Object(Kind::WorkflowRun, id)) => ResourceReference::WorkflowRun(id),
        Some(GlobalId::Object(Kind::Document, id)) => ResourceReference::Document(id),
        Some(_) | None => ResourceReference::Workflow(uuid::Uuid::nil()),
    }
}

/// Queries of rights.
#[derive(Default)]
pub(super) struct AuthorizationQueries;

/// Queries of rights.
#[Object]
impl AuthorizationQueries {
    /// Returns which of up to 100 permissions the caller has, in general or for a workflow, a run or a document, in the order of the questions. A user
    /// interface hides with it what would be refused. Requires a valid token and no permission.
    #[graphql(complexity = "checks.len().saturating_mul(child_complexity).saturating_add(1)")]
    async fn can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Questions; 1 to 100.", validator(min_items = 1, max_items = 100))] checks: Vec<
            AuthorizationCheckInput,
        >,
    ) -> Result<Vec<AuthorizationAnswer>> {
        let caller = Caller::from_context(ctx)?;
        let (tenant, permissions) = (caller.tenant()?, caller.principal.permissions);
        let check = |AuthorizationCheckInput { action, resource_id }| Check {
            action,
            resource: resource_id.as_ref().map(resource),
        };
        let checks: Vec<Check> = checks.into_iter().map(check).collect();
        let answers = app::authorization::check_all(caller.app, tenant, permissions, &checks).await;
        let answer = |(check, answer): (Check, CheckedRight)| {
            let CheckedRight { allowed, depends } = answer;
            AuthorizationAnswer { action: check.action, allowed, depends }
        };
        Ok(checks.into_iter().zip(answers.map_err(from_app)?).map(answer).collect())
    }

    /// Returns whether somebody has a permission, and the role and the policy that decide, or what is missing; null if the tenant has no
    /// such resource. Requires the permission `authorization.check`.
    async fn explain_authorization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Permission: a leaf of the permission tree.")] action: String,
        #[graphql(
            desc = "Global ID of a workflow, a run or a document. Default: the permission in general."
        )]
        resource_id: Option<ID>,
        #[graphql(desc = "Principal of the question. Default: the caller.")] principal: Option<
            ExplainedPrincipalInput,
        >,
    ) -> Result<Option<AuthorizationExplanation>> {
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let subject = match principal {
            Some(principal) => principal.subject().map_err(from_app)?,
            None => Subject::caller(caller.principal),
        };
        let resource = resource_id.as_ref().map(resource);
        match app::authorization::explain(caller.app, scope, &action, resource, &subject).await {
            Ok(explained) => Ok(Some(explained.into())),
            Err(app::Error::NotFound) => Ok(None),
            Err(error) => Err(from_app(error)),
        }
    }

    /// Evaluates the newest requests in the audit log with the policies of now, and with a draft of a policy, and returns those whose
    /// decision would change. Nothing is stored. Requests that only read are not in the audit log. Conditions on the number of factors of
    /// a login are not known, since the audit log does not have it. Requires the permissions `authorization.check` and `audit.read`.
    #[graphql(complexity = "simulation_cost(input.requests, child_complexity)")]
    async fn simulate_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Draft of the policy, and the requests to evaluate.")] input: SimulatePolicyInput,
    ) -> Result<SimulationResult> {
        let caller = Caller::from_context(ctx)?;
        let (scope, own) = (caller.tenant()?.scope, caller.principal.permissions);
        let draft = input.draft().map_err(from_app)?;
        let simulation = Box::pin(app::authorization::simulate(caller.app, scope, own, &draft)).await;
        Ok(simulation.map_err(from_app)?.into())
    }
}

/// Returns the cost of a simulation: 1 for each request that is evaluated, besides the fields.
fn simulation_cost(requests: Option<i32>, fields: usize) -> usize {
    let requests = requests.map_or(DEFAULT_REQUESTS, |requests| usize::try_from(requests).unwrap_or(0));
    requests.saturating_add(fields)
}
