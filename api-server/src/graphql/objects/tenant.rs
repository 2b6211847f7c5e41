use async_graphql::{Context, Enum, ID, Json, Object, Result};
use serde_json::Value;

use super::Plan;
use crate::{
    graphql::{
        error::of_loader,
        global_id::Kind,
        loaders::{Loaders, PlanByName},
        scalars::DateTime,
    },
    store::{self, TenantState},
};

/// Whether a tenant may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "TenantState")]
pub(in crate::graphql) enum TenantStatus {
    /// Everything works.
    Active,
    /// Reads go on; nothing is written and no run starts.
    Suspended,
    /// As suspended, and kept read-only.
    Archived,
}

/// A business.
pub(in crate::graphql) struct Tenant(pub(in crate::graphql) store::Tenant);

/// A business.
#[Object]
impl Tenant {
    /// Its id, unique over all types.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Tenant.encode(self.0.id)
    }

    /// Its name in tokens and in Kubernetes.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Its name for people.
    async fn name(&self) -> &str {
        &self.0.display_name
    }

    /// Whether it may work.
    async fn status(&self) -> TenantStatus {
        self.0.state.into()
    }

    /// Its plan; null while that does not exist.
    async fn plan(&self, ctx: &Context<'_>) -> Result<Option<Plan>> {
        let key = PlanByName(self.0.plan_name.clone());
        Ok(ctx.data::<Loaders>()?.load_one(key).await.map_err(of_loader)?.map(Plan))
    }

    /// Free settings.
    async fn settings(&self) -> Json<&Value> {
        Json(&self.0.settings)
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}
