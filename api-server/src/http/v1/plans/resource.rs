//! The JSON representation of a plan.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::plans,
    http::v1::{json::AnyJson, time::Time},
    store,
};

/// Features and limits that a tenant can subscribe to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Plan {
    /// Immutable ID of the plan.
    id: Uuid,
    /// Name of the plan in Kubernetes.
    #[schema(example = "starter")]
    name: String,
    /// Human-readable name of the plan.
    #[schema(example = "Starter")]
    display_name: String,
    /// Price of the plan. Null if the plan is free.
    #[schema(required = true)]
    price: Option<Price>,
    /// Names of the features that the plan enables.
    features: Vec<String>,
    /// Limits of the plan by name, such as `concurrentRuns`. A limit that is absent is unlimited.
    #[schema(value_type = Object)]
    limits: AnyJson,
    /// Time at which the plan was created.
    created_at: Time,
    /// Time of the last change of the plan.
    updated_at: Time,
}

/// Fields of [`Plan`], which a list can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum PlanField {
    Id,
    Name,
    DisplayName,
    Price,
    Features,
    Limits,
    CreatedAt,
    UpdatedAt,
}

/// Price of a plan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Price {
    /// ISO 4217 currency code.
    #[schema(example = "EUR")]
    currency: String,
    /// Amount in the currency's minor unit, such as cents.
    amount_minor: i64,
    /// Billing interval: `MONTH` or `YEAR`.
    #[schema(example = "MONTH")]
    interval: String,
}

impl From<plans::Price> for Price {
    fn from(price: plans::Price) -> Self {
        let plans::Price { currency, amount_minor, interval } = price;
        Self { currency, amount_minor, interval }
    }
}

impl From<store::Plan> for Plan {
    fn from(plan: store::Plan) -> Self {
        let price = plans::price(&plan).map(Price::from);
        let store::Plan {
            id,
            name,
            display_name,
            price: _,
            features,
            limits,
            resource_version: _,
            created_at,
            updated_at,
        } = plan;
        Self {
            id,
            name,
            display_name,
            price,
            features,
            limits: limits.into(),
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }
}
