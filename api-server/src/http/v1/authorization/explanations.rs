//! `POST /v1/authorization/explanations`

use std::net::IpAddr;

use axum::extract::State;
use domain::policy::{Reason, Request, Truth};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::AuthorizationResource;
use crate::{
    app::{
        self, App,
        authorization::{Explained, Rule, Subject, UnmetRule},
    },
    http::{
        authorize::Member,
        extract::Json,
        v1::{policies::rule::Effect, time::Time},
    },
    problem::Problem,
};

/// Question why somebody has a permission or lacks it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ExplanationRequest {
    /// Permission: a leaf of the permission tree.
    #[schema(example = "workflow.run.create")]
    action: String,
    /// Resource. Default: the permission in general.
    resource: Option<AuthorizationResource>,
    /// Principal of the question. Default: the caller.
    principal: Option<ExplainedPrincipal>,
}

/// Principal of a question, with the circumstances of its request. What is absent is not known.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ExplainedPrincipal {
    /// Roles: names of built-in roles and IDs of roles of the tenant; at most 40.
    roles: Vec<String>,
    /// Email address.
    email: Option<String>,
    /// Address of the client.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    address: Option<IpAddr>,
    /// Time of the request.
    time: Option<Time>,
    /// Whether the principal has logged in with several factors.
    mfa: Option<bool>,
}

/// Explanation of a decision.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct AuthorizationExplanation {
    /// Whether the principal has the permission: for the resource, or for all resources if the question names none.
    allowed: bool,
    /// Whether the permission depends on the resource, which the question does not name.
    depends: bool,
    /// Reason: `ALLOWED`, `DENIED`, `DENIED_UNDECIDED` if a condition of a denial cannot be decided, `CONDITIONS_NOT_MET` if allowances exist
    /// and do not apply, or `NOT_GRANTED` if no role has the permission.
    reason: &'static str,
    /// Policies and built-in roles that decided: the denials that apply, or else the allowances that apply.
    decided_by: Vec<DecidingRule>,
    /// Allowances that do not apply, if nothing decided.
    unmet: Vec<UnmetAllowance>,
}

/// Policy of a role, or built-in role.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DecidingRule {
    /// Name of a built-in role, or ID of a role of the tenant.
    role_id: String,
    /// Name of the role.
    role_name: String,
    /// ID of the policy. Null for a built-in role.
    #[schema(required = true)]
    policy_id: Option<String>,
    /// Name of the policy. Null for a built-in role.
    #[schema(required = true)]
    policy_name: Option<String>,
    /// Effect.
    effect: Effect,
}

/// Allowance that does not apply.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct UnmetAllowance {
    /// Role and policy of the allowance.
    rule: DecidingRule,
    /// Why it does not apply: `FALSE` if its resources or conditions exclude the request, or `UNKNOWN` if they cannot be decided.
    result: &'static str,
}

/// Explain a decision
///
/// Returns whether somebody has a permission, and the role and the policy that decide, or what is missing. Requires the permission
/// `authorization.check`. Fails with 404 `not_found` if the tenant has no such resource, or 422 `invalid`.
#[utoipa::path(
    post, path = "/v1/authorization/explanations", tag = "access", request_body = ExplanationRequest,
    responses((status = OK, description = "Explanation", body = AuthorizationExplanation))
)]
pub(in crate::http) async fn explain_authorization(
    State(app): State<App>,
    Member { principal: caller, tenant }: Member,
    Json(ExplanationRequest { action, resource, principal }): Json<ExplanationRequest>,
) -> Result<axum::Json<AuthorizationExplanation>, Problem> {
    let subject = match principal {
        Some(ExplainedPrincipal { roles, email, address, time, mfa }) => {
            let time = time.map(Time::get);
            Subject { roles, request: Request { principal: email, address, time, mfa } }
        }
        None => Subject::caller(&caller),
    };
    let resource = resource.map(Into::into);
    let explained = app::authorization::explain(&app, tenant.scope, &action, resource, &subject).await?;
    Ok(axum::Json(explained.into()))
}

impl From<Explained> for AuthorizationExplanation {
    fn from(Explained { allowed, depends, reason, decided_by, unmet }: Explained) -> Self {
        Self {
            allowed,
            depends,
            reason: reason_name(reason),
            decided_by: decided_by.into_iter().map(Into::into).collect(),
            unmet: unmet.into_iter().map(Into::into).collect(),
        }
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Allowed => "ALLOWED",
        Reason::Denied => "DENIED",
        Reason::DeniedUndecided => "DENIED_UNDECIDED",
        Reason::ConditionsNotMet => "CONDITIONS_NOT_MET",
        Reason::NotGranted => "NOT_GRANTED",
    }
}

impl From<Rule> for DecidingRule {
    fn from(Rule { role, role_name, policy, effect }: Rule) -> Self {
        let (policy_id, policy_name) = policy.unzip();
        Self { role_id: role, role_name, policy_id, policy_name, effect: effect.into() }
    }
}

impl From<UnmetRule> for UnmetAllowance {
    fn from(UnmetRule { rule, truth }: UnmetRule) -> Self {
        let result = match truth {
            Truth::True => "TRUE",
            Truth::False => "FALSE",
            Truth::Unknown => "UNKNOWN",
        };
        Self { rule: rule.into(), result }
    }
}
