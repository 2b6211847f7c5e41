//! The type `Plan`.

use async_graphql::{ID, Json, Object, SimpleObject};
use serde_json::Value;

use crate::{
    app::plans,
    graphql::{global_id::Kind, scalars::DateTime},
    store,
};

/// Price of a plan.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Price {
    /// ISO 4217 currency code, such as `EUR`.
    currency: String,
    /// Amount in the currency's minor unit, such as cents.
    amount_minor: i64,
    /// Billing interval: `MONTH` or `YEAR`.
    interval: String,
}

/// Features and limits that a tenant can subscribe to.
pub(in crate::graphql) struct Plan(pub(in crate::graphql) store::Plan);

/// Features and limits that a tenant can subscribe to.
#[Object]
impl Plan {
    /// Global ID of the plan.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Plan.encode(self.0.id)
    }

    /// Name of the plan in Kubernetes.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Human-readable name of the plan.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// Price of the plan. Null if the plan is free.
    async fn price(&self) -> Option<Price> {
        let plans::Price { currency, amount_minor, interval } = plans::price(&self.0)?;
        Some(Price { currency, amount_minor, interval })
    }

    /// Names of the features that the plan enables.
    async fn features(&self) -> &[String] {
        &self.0.features
    }

    /// Limits of the plan by name, such as `concurrentRuns`. A limit that is absent is unlimited.
    async fn limits(&self) -> Json<&Value> {
        Json(&self.0.limits)
    }

    /// Time at which the plan was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the plan.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl Plan {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::Plan) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
