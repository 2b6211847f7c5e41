//! The type `Policy`.

use async_graphql::{ID, Object};

use super::rule::{PolicyCondition, PolicyEffect, ResourceSelector};
use crate::{
    app::policies,
    graphql::{global_id::Kind, scalars::DateTime},
    store,
};

/// Policy, which allows or denies actions to those who have a role with it.
pub(in crate::graphql) struct Policy(pub(in crate::graphql) store::Policy);

/// Policy, which allows or denies actions to those who have a role with it.
#[Object]
impl Policy {
    /// Global ID of the policy.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Policy.encode(self.0.id)
    }

    /// Name of the policy, unique in the tenant without regard to case.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Description of the policy.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Effect of the policy.
    async fn effect(&self) -> PolicyEffect {
        if self.0.effect == "ALLOW" { PolicyEffect::Allow } else { PolicyEffect::Deny }
    }

    /// Nodes of the permission tree, such as `workflow.run.create`, `workflow.run` or `workflow.*`; `*` is all of them.
    async fn actions(&self) -> &[String] {
        &self.0.actions
    }

    /// Resources that the policy concerns: those that one of the selectors selects, or all resources if there is none.
    async fn resources(&self) -> Vec<ResourceSelector> {
        let spec = policies::spec_of(&self.0);
        spec.map(|spec| spec.resources).unwrap_or_default().into_iter().map(Into::into).collect()
    }

    /// Conditions, which must all be true. A condition that cannot be decided makes a denial apply, and an allowance not.
    async fn conditions(&self) -> Vec<PolicyCondition> {
        let spec = policies::spec_of(&self.0);
        spec.map(|spec| spec.conditions).unwrap_or_default().into_iter().map(Into::into).collect()
    }

    /// Version of the policy; every change of it increments the version.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// Time at which the policy was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the policy.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl Policy {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::Policy) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
