//! Answers to questions about rights.

use async_graphql::{Enum, ID, SimpleObject};
use domain::policy::{Reason, Truth};

use super::rule::PolicyEffect;
use crate::{
    app::authorization::{Difference, Explained, Rule, Simulation, UnmetRule},
    graphql::{
        global_id::{GlobalId, Kind},
        scalars::DateTime,
    },
};

/// Permission: a leaf of the permission tree.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Permission {
    /// Name of the permission. Policies can also name its beginning up to a dot, which stands for all permissions below it.
    pub(in crate::graphql) name: &'static str,
    /// What the permission allows.
    pub(in crate::graphql) description: &'static str,
}

/// Answer to a question about a right of the caller.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuthorizationAnswer {
    /// Permission of the question.
    pub(in crate::graphql) action: String,
    /// Whether the caller has the permission: for the resource, or for all resources if the question names none. False for a resource
    /// that does not exist, or that the caller cannot read.
    pub(in crate::graphql) allowed: bool,
    /// Whether the permission depends on the resource, which the question does not name.
    pub(in crate::graphql) depends: bool,
}

/// Reason of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Reason")]
pub(in crate::graphql) enum AuthorizationReason {
    /// An allowance applies, and no denial.
    Allowed,
    /// A denial applies.
    Denied,
    /// A condition of a denial cannot be decided.
    DeniedUndecided,
    /// Allowances exist, and none of them applies.
    ConditionsNotMet,
    /// No role has the permission.
    NotGranted,
}

/// Truth of the resources and conditions of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Truth")]
pub(in crate::graphql) enum AllowanceResult {
    /// They include the request.
    True,
    /// They exclude the request.
    False,
    /// They cannot be decided.
    Unknown,
}

/// Policy of a role, or built-in role.
#[derive(SimpleObject)]
pub(in crate::graphql) struct DecidingRule {
    /// Name of a built-in role, or ID of a role of the tenant: its `reference`.
    role_id: String,
    /// Name of the role.
    role_name: String,
    /// Global ID of the policy. Null for a built-in role.
    policy_id: Option<ID>,
    /// Name of the policy. Null for a built-in role.
    policy_name: Option<String>,
    /// Effect.
    effect: PolicyEffect,
}

/// Allowance that does not apply.
#[derive(SimpleObject)]
pub(in crate::graphql) struct UnmetAllowance {
    /// Role and policy of the allowance.
    rule: DecidingRule,
    /// Why it does not apply.
    result: AllowanceResult,
}

/// Explanation of a decision.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuthorizationExplanation {
    /// Whether the principal has the permission: for the resource, or for all resources if the question names none.
    allowed: bool,
    /// Whether the permission depends on the resource, which the question does not name.
    depends: bool,
    /// Reason of the decision.
    reason: AuthorizationReason,
    /// Policies and built-in roles that decided: the denials that apply, or else the allowances that apply.
    decided_by: Vec<DecidingRule>,
    /// Allowances that do not apply, if nothing decided.
    unmet: Vec<UnmetAllowance>,
}

/// Request whose decision would change.
#[derive(SimpleObject)]
pub(in crate::graphql) struct SimulatedDifference {
    /// Global ID of the audit event of the request.
    audit_event_id: ID,
    /// Time of the request.
    created_at: DateTime,
    /// Email address of the caller.
    actor: Option<String>,
    /// Permission that the request required.
    action: String,
    /// Global ID of the object of the request.
    object_id: Option<ID>,
    /// Whether it would be allowed with the policies of now.
    before: bool,
    /// Whether it would be allowed with the draft.
    after: bool,
}

/// Result of the simulation of a policy.
#[derive(SimpleObject)]
pub(in crate::graphql) struct SimulationResult {
    /// Number of requests that were evaluated.
    evaluated: usize,
    /// Number of requests that were not evaluated, because the decision depends on a resource that is not known any more.
    undetermined: usize,
    /// Requests whose decision would change, newest first.
    differences: Vec<SimulatedDifference>,
}

impl From<Rule> for DecidingRule {
    fn from(Rule { role, role_name, policy, effect }: Rule) -> Self {
        let (policy_id, policy_name) = policy.unzip();
        let policy_id = policy_id.and_then(|id| Some(Kind::Policy.encode(id.parse().ok()?)));
        Self { role_id: role, role_name, policy_id, policy_name, effect: effect.into() }
    }
}

impl From<UnmetRule> for UnmetAllowance {
    fn from(UnmetRule { rule, truth }: UnmetRule) -> Self {
        Self { rule: rule.into(), result: truth.into() }
    }
}

impl From<Explained> for AuthorizationExplanation {
    fn from(Explained { allowed, depends, reason, decided_by, unmet }: Explained) -> Self {
        let decided_by = decided_by.into_iter().map(Into::into).collect();
        let unmet = unmet.into_iter().map(Into::into).collect();
        Self { allowed, depends, reason: reason.into(), decided_by, unmet }
    }
}

impl From<Difference> for SimulatedDifference {
    fn from(Difference { event, before, after }: Difference) -> Self {
        let kind = event.object_kind.as_deref();
        let object = event.object_id.and_then(|id| GlobalId::of_changed_object(kind?, id));
        Self {
            audit_event_id: Kind::AuditEvent.encode(event.id),
            created_at: event.created_at.into(),
            actor: event.actor_email,
            action: event.action,
            object_id: object.map(|id| id.encode()),
            before,
            after,
        }
    }
}

impl From<Simulation> for SimulationResult {
    fn from(Simulation { evaluated, undetermined, differences }: Simulation) -> Self {
        Self { evaluated, undetermined, differences: differences.into_iter().map(Into::into).collect() }
    }
}
