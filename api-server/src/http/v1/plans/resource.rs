//! A plan in JSON.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
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
    /// `{currency, amountMinor, interval}`; null where it has none.
    #[schema(value_type = Option<Object>)]
    price: Option<AnyJson>,
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

impl From<store::Plan> for Plan {
    fn from(plan: store::Plan) -> Self {
        let store::Plan {
            id,
            name,
            display_name,
            price,
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
            price: price.map(Into::into),
            features,
            limits: limits.into(),
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }
}
