//! The type `Role`.

use async_graphql::{Context, ID, Object, Result};
use domain::policy::MAX_POLICIES_OF_ROLE;

use super::Policy;
use crate::{
    app::roles,
    graphql::{
        error::from_loader,
        global_id::GlobalId,
        loaders::{Loaders, PolicyById},
        scalars::DateTime,
    },
    store,
};

/// Role, which users, service accounts and their API keys have.
pub(in crate::graphql) struct Role(pub(in crate::graphql) roles::Role);

/// Role, which users, service accounts and their API keys have.
#[Object]
impl Role {
    /// Global ID of the role.
    pub(in crate::graphql) async fn id(&self) -> ID {
        GlobalId::Role(self.0.reference()).encode()
    }

    /// What `roles` of users and service accounts have: the name of a built-in role, or the ID of a role of the tenant in REST.
    async fn reference(&self) -> String {
        self.0.reference().to_string()
    }

    /// Whether the role is built in. Built-in roles cannot be changed.
    async fn built_in(&self) -> bool {
        self.0.row.built_in
    }

    /// Name of the role, unique in the tenant without regard to case.
    async fn name(&self) -> &str {
        &self.0.row.name
    }

    /// Description of the role.
    async fn description(&self) -> &str {
        &self.0.row.description
    }

    /// Policies of the role, at most 20, in the order of their IDs. A built-in role has none. Requires the permission `policy.read`.
    #[graphql(complexity = "child_complexity.saturating_mul(MAX_POLICIES_OF_ROLE).saturating_add(1)")]
    async fn policies(&self, ctx: &Context<'_>) -> Result<Vec<Policy>> {
        let ids = &self.0.row.policies;
        let keys = ids.iter().copied().map(PolicyById);
        let mut found = ctx.data::<Loaders>()?.load_many(keys).await.map_err(from_loader)?;
        Ok(ids.iter().filter_map(|id| found.remove(&PolicyById(*id))).map(Policy).collect())
    }

    /// Names of the permissions that the role gives, at least for some resources and under some conditions, in the order of the
    /// permission tree.
    async fn permissions(&self) -> Vec<&'static str> {
        self.0.permissions.iter().map(|permission| permission.name()).collect()
    }

    /// Version of the role; every change of it increments the version.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.row.version).unwrap_or(i32::MAX)
    }

    /// Time at which the role was created. Null if it is built in.
    async fn created_at(&self) -> Option<DateTime> {
        (!self.0.row.built_in).then(|| self.0.row.created_at.into())
    }

    /// Time of the last change of the role. Null if it is built in.
    async fn updated_at(&self) -> Option<DateTime> {
        (!self.0.row.built_in).then(|| self.0.row.updated_at.into())
    }
}

impl Role {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(role: &roles::Role) -> store::Position {
        store::Position { created_at: role.row.created_at, id: role.row.id }
    }
}
