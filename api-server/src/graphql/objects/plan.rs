use async_graphql::{ID, Json, Object, SimpleObject};
use serde_json::Value;

use crate::{
    app::plans,
    graphql::{global_id::Kind, scalars::DateTime},
    store,
};

/// What a plan costs.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Price {
    /// ISO 4217, such as `EUR`.
    currency: String,
    /// In the currency's minor unit (cents).
    amount_minor: i64,
    /// How often it is due: `MONTH` or `YEAR`.
    interval: String,
}

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

    /// What it costs; null where it costs nothing.
    async fn price(&self) -> Option<Price> {
        let plans::Price { currency, amount_minor, interval } = plans::price(&self.0)?;
        Some(Price { currency, amount_minor, interval })
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
