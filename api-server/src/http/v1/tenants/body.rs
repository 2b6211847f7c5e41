//! Request bodies that describe tenants.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::http::{extract::present, v1::json::AnyJson};

/// New tenant.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"slug": "initech", "name": "Initech", "plan": "starter", "settings": {"currency": "EUR"}}))]
pub(in crate::http) struct CreateTenant {
    /// Name of the tenant in tokens and in Kubernetes: 1 to 40 lower-case letters, digits and hyphens. It cannot be changed.
    #[schema(example = "acme")]
    pub(super) slug: String,
    /// Human-readable name of the tenant; at most 120 characters. Default: the slug.
    #[schema(value_type = Option<String>, example = "Acme Bakery")]
    #[serde(default, deserialize_with = "present")]
    name: Option<AnyJson>,
    /// Name of the tenant's plan.
    #[schema(example = "starter")]
    plan: String,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`; at most 256 KiB. Default: `{}`.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    settings: Option<AnyJson>,
}

/// Change of a tenant, as a JSON merge patch (RFC 7396): absent fields stay, null removes a field, and settings are merged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"plan": "business"}))]
pub(in crate::http) struct UpdateTenant {
    /// Human-readable name of the tenant; at most 120 characters. Default: the slug.
    #[schema(value_type = Option<String>, example = "Acme Bakery")]
    #[serde(default, deserialize_with = "present")]
    name: Option<AnyJson>,
    /// Name of the tenant's plan.
    #[schema(value_type = Option<String>, example = "starter")]
    #[serde(default, deserialize_with = "present")]
    plan: Option<AnyJson>,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`; at most 256 KiB. Default: `{}`.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    settings: Option<AnyJson>,
}

/// Change of the caller's tenant, as a JSON merge patch (RFC 7396): absent fields stay, null removes a field, and settings are
/// merged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Acme Bakery", "settings": {"currency": "EUR", "logo": null}}))]
pub(in crate::http) struct UpdateOwnTenant {
    /// Human-readable name of the tenant; at most 120 characters. Default: the slug.
    #[schema(value_type = Option<String>, example = "Acme Bakery")]
    #[serde(default, deserialize_with = "present")]
    name: Option<AnyJson>,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`; at most 256 KiB. Default: `{}`.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    settings: Option<AnyJson>,
}

impl CreateTenant {
    /// Returns the fields of the spec of the Tenant in Kubernetes.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let Self { slug: _, name, plan, settings } = self.clone();
        let plan = Some(Value::String(plan));
        // A new tenant has no fields to remove.
        fields(without_null(name), plan, without_null(settings))
    }
}

impl UpdateTenant {
    /// Returns the merge patch of the spec of the Tenant in Kubernetes.
    pub(super) fn fields(self) -> Map<String, Value> {
        let Self { name, plan, settings } = self;
        fields(name.map(inner), plan.map(inner), settings.map(inner))
    }
}

impl UpdateOwnTenant {
    /// Returns the merge patch of the spec of the Tenant in Kubernetes.
    pub(in crate::http::v1) fn fields(self) -> Map<String, Value> {
        let Self { name, settings } = self;
        fields(name.map(inner), None, settings.map(inner))
    }
}

fn inner(AnyJson(value): AnyJson) -> Value {
    value
}

fn without_null(value: Option<AnyJson>) -> Option<Value> {
    value.map(inner).filter(|value| !value.is_null())
}

fn fields(name: Option<Value>, plan: Option<Value>, settings: Option<Value>) -> Map<String, Value> {
    let plan = plan.map(|plan| json!({"name": plan}));
    let fields = [("displayName", name), ("planRef", plan), ("settings", settings)];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
