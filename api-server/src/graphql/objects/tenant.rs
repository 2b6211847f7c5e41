//! The type `Tenant`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, Result};
use serde_json::Value;

use super::Plan;
use crate::{
    app::Reservation,
    graphql::{
        error::from_loader,
        global_id::Kind,
        loaders::{Loaders, PlanByName, PlatformLoaders},
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

/// Organization that owns workflows and runs, with the memory that it takes unless a loader holds that.
pub(in crate::graphql) struct Tenant(
    Arc<store::Tenant>,
    #[expect(dead_code, reason = "held until the response is built")] Option<Reservation>,
);

impl From<(store::Tenant, Reservation)> for Tenant {
    fn from((tenant, reservation): (store::Tenant, Reservation)) -> Self {
        Self(Arc::new(tenant), Some(reservation))
    }
}

impl From<Arc<store::Tenant>> for Tenant {
    fn from(tenant: Arc<store::Tenant>) -> Self {
        Self(tenant, None)
    }
}

impl From<store::Tenant> for Tenant {
    fn from(tenant: store::Tenant) -> Self {
        Self(Arc::new(tenant), None)
    }
}

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
        // An administrator of the platform may have no tenant.
        let plan = match ctx.data_opt::<PlatformLoaders>() {
            Some(loaders) => loaders.load_one(key).await,
            None => ctx.data::<Loaders>()?.load_one(key).await,
        };
        Ok(plan.map_err(from_loader)?.map(Plan))
    }

    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`.
    async fn settings(&self) -> Json<&Value> {
        Json(&self.0.settings)
    }

    /// Generation of the tenant; every change of it increments the generation.
    async fn generation(&self) -> i32 {
        i32::try_from(self.0.generation).unwrap_or(i32::MAX)
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

impl Tenant {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::Tenant) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
