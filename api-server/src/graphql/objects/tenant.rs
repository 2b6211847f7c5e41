//! The type `Tenant`.

use async_graphql::{Context, Enum, ID, Json, Object, Result};
use serde_json::Value;

use super::Plan;
use crate::{
    graphql::{
        error::from_loader,
        global_id::Kind,
        loaders::{Loaders, PlanByName},
        scalars::DateTime,
    },
    store::{self, TenantState},
};

/// Status of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "TenantState")]
pub(in crate::graphql) enum TenantStatus {
    /// The tenant can read, write and start runs.
    Active,
    /// The tenant is read-only, and no runs start.
    Suspended,
    /// The tenant is permanently read-only, and no runs start.
    Archived,
}

/// Organization that owns workflows and runs.
pub(in crate::graphql) struct Tenant(pub(in crate::graphql) store::Tenant);

/// Organization that owns workflows and runs.
#[Object]
impl Tenant {
    /// Global ID of the tenant.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Tenant.encode(self.0.id)
    }

    /// Name of the tenant in tokens and in Kubernetes.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Human-readable name of the tenant.
    async fn name(&self) -> &str {
        &self.0.display_name
    }

    /// Status of the tenant.
    async fn status(&self) -> TenantStatus {
        self.0.state.into()
    }

    /// Plan of the tenant. Null if the plan does not exist. Requires the permission `plan.read`.
    async fn plan(&self, ctx: &Context<'_>) -> Result<Option<Plan>> {
        let key = PlanByName(self.0.plan_name.clone());
        Ok(ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?.map(Plan))
    }

    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`.
    async fn settings(&self) -> Json<&Value> {
        Json(&self.0.settings)
    }

    /// Time at which the tenant was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the tenant.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}
