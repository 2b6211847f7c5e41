//! The JSON representation of a policy.

use axum::{http::HeaderMap, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rule::{Effect, PolicyCondition, ResourceSelector, converted};
use crate::{
    app::policies,
    auth::TenantScope,
    http::{etag, v1::time::Time},
    store,
};

/// Policy, which allows or denies actions to those who have a role with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Policy {
    /// Immutable ID of the policy.
    id: Uuid,
    /// ID of the tenant.
    tenant_id: Uuid,
    /// Name of the policy, unique in the tenant without regard to case.
    #[schema(example = "Runs of the finance team")]
    name: String,
    /// Description of the policy.
    description: String,
    /// Effect of the policy.
    effect: Effect,
    /// Nodes of the permission tree, such as `workflow.run.create`, `workflow.run` or `workflow.*`; `*` is all of them.
    #[schema(example = json!(["workflow.run.*"]))]
    actions: Vec<String>,
    /// Resources that the policy concerns: those that one of the selectors selects, or all resources if there is none.
    resources: Vec<ResourceSelector>,
    /// Conditions, which must all be true. A condition that cannot be decided makes a denial apply, and an allowance not.
    conditions: Vec<PolicyCondition>,
    /// Time at which the policy was created.
    created_at: Time,
    /// Time of the last change of the policy.
    updated_at: Time,
}

/// Fields of [`Policy`], which a list can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum PolicyField {
    Id,
    TenantId,
    Name,
    Description,
    Effect,
    Actions,
    Resources,
    Conditions,
    CreatedAt,
    UpdatedAt,
}

impl Policy {
    pub(super) fn new(scope: TenantScope, policy: store::Policy) -> Self {
        let spec = policies::spec_of(&policy);
        let (resources, conditions) = spec.map(|spec| (spec.resources, spec.conditions)).unwrap_or_default();
        let store::Policy { id, name, description, effect, actions, created_at, updated_at, .. } = policy;
        Self {
            id,
            tenant_id: scope.tenant_id(),
            name,
            description,
            effect: if effect == "ALLOW" { Effect::Allow } else { Effect::Deny },
            actions,
            resources: converted(resources),
            conditions: converted(conditions),
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }

    /// Returns the response with a policy, whose tag has its version.
    pub(super) fn response(scope: TenantScope, policy: store::Policy, headers: &HeaderMap) -> Response {
        let version = policy.version;
        etag::with_generation(headers, version, &Self::new(scope, policy))
    }
}
