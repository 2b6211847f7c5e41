//! A tenant in JSON.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::v1::{json::AnyJson, time::Time},
    store::{self, TenantState},
};

/// A business.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Tenant {
    /// Its id, for good.
    id: Uuid,
    /// Its name in tokens and in Kubernetes.
    #[schema(example = "acme")]
    slug: String,
    /// Its name for people.
    #[schema(example = "Acme Bakery")]
    name: String,
    /// `ACTIVE`, `SUSPENDED` or `ARCHIVED`; the last two accept no writes.
    #[schema(value_type = String, example = "ACTIVE")]
    status: TenantState,
    /// The name of its plan.
    #[schema(example = "starter")]
    plan: String,
    /// Free settings.
    settings: AnyJson,
    /// When it was created.
    created_at: Time,
    /// When it was last changed.
    updated_at: Time,
}

impl From<store::Tenant> for Tenant {
    fn from(tenant: store::Tenant) -> Self {
        let store::Tenant {
            id,
            slug,
            display_name,
            state,
            plan_name,
            namespace: _,
            settings,
            resource_version: _,
            created_at,
            updated_at,
        } = tenant;
        Self {
            id,
            slug,
            name: display_name,
            status: state,
            plan: plan_name,
            settings: settings.into(),
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }
}
