use async_graphql::{ID, Json, Object};
use serde_json::Value;

use crate::{
    graphql::{global_id::Kind, scalars::DateTime},
    store,
};

/// What a tenant may use, and for how much.
pub(in crate::graphql) struct Plan(pub(in crate::graphql) store::Plan);

/// What a tenant may use, and for how much.
#[Object]
impl Plan {
    /// Its id, unique over all types.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Plan.encode(self.0.id)
    }

    /// Its name in Kubernetes.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name for people.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// `{currency, amountMinor, interval}`; null where it has none.
    async fn price(&self) -> Option<Json<&Value>> {
        self.0.price.as_ref().map(Json)
    }

    /// What it switches on.
    async fn features(&self) -> &[String] {
        &self.0.features
    }

    /// Its limits by name; an absent one is unlimited.
    async fn limits(&self) -> Json<&Value> {
        Json(&self.0.limits)
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
