//! The JSON representation of a tenant.

use axum::{http::HeaderMap, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        etag,
        fields::Fields,
        v1::{json::AnyJson, time::Time},
    },
    store::{self, TenantState},
};

/// Organization that owns workflows and runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Tenant {
    /// Immutable ID of the tenant.
    id: Uuid,
    /// Name of the tenant in tokens and in Kubernetes.
    #[schema(example = "acme")]
    slug: String,
    /// Human-readable name of the tenant.
    #[schema(example = "Acme Bakery")]
    name: String,
    /// Status of the tenant: `ACTIVE`, `SUSPENDED` or `ARCHIVED`. Suspended and archived tenants are read-only.
    #[schema(value_type = String, example = "ACTIVE")]
    status: TenantState,
    /// Name of the tenant's plan.
    #[schema(example = "starter")]
    plan: String,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`.
    settings: AnyJson,
    /// Time at which the tenant was created.
    created_at: Time,
    /// Time of the last change of the tenant.
    updated_at: Time,
}

/// Fields of [`Tenant`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum TenantField {
    Id,
    Slug,
    Name,
    Status,
    Plan,
    Settings,
    CreatedAt,
    UpdatedAt,
}

impl Tenant {
    /// Returns the response with a tenant and its tag.
    pub(in crate::http::v1) fn response(tenant: store::Tenant, request: &HeaderMap) -> Response {
        let generation = tenant.generation;
        etag::with_generation(request, generation, &Self::from(tenant))
    }

    /// Returns the response with fields of a tenant and its tag.
    pub(in crate::http::v1) fn selected(
        tenant: store::Tenant,
        request: &HeaderMap,
        fields: &Fields<TenantField>,
    ) -> Response {
        let generation = tenant.generation;
        fields.mark(etag::with_generation(request, generation, &fields.select(Self::from(tenant))))
    }
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
            generation: _,
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
