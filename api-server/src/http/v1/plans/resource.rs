//! A plan in JSON.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::plans,
    http::v1::{json::AnyJson, time::Time},
    store,
};

/// What a tenant may use, and for how much.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Plan {
    /// Its id, for good.
    id: Uuid,
    /// Its name in Kubernetes.
    #[schema(example = "starter")]
    name: String,
    /// Its name for people.
    #[schema(example = "Starter")]
    display_name: String,
    /// What it costs; null where it costs nothing.
    price: Option<Price>,
    /// What it switches on.
    features: Vec<String>,
    /// Its limits by name; an absent one is unlimited.
    #[schema(value_type = Object)]
    limits: AnyJson,
    /// When it was created.
    created_at: Time,
    /// When it was last changed.
    updated_at: Time,
}

/// What a plan costs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Price {
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// In the currency's minor unit (cents).
    amount_minor: i64,
    /// How often it is due: `MONTH` or `YEAR`.
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
