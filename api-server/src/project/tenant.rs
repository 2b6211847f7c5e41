//! Projects a tenant to its row.

use crds::{conditions, labels, names, tenant::TenantState as State};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};

use super::{Malformed, Object, TenantRow, meta, tenant_end, text::storable};
use crate::store::TenantState;

pub(super) fn project(object: &Object, tenant: crds::Tenant) -> Result<TenantRow, Malformed> {
    let slug = &object.identity.name;
    let annotations = tenant.metadata.annotations.as_ref();
    // The operator reports an annotation that is no UID of an earlier tenant.
    let restore_from = annotations.and_then(|all| all.get(labels::RESTORE_FROM)?.parse().ok());
    let end = tenant_end::project(&tenant);
    Ok(TenantRow {
        end,
        restore_from,
        meta: meta::project(object, tenant.metadata)?,
        display_name: storable(tenant.spec.display_name.unwrap_or_else(|| slug.clone())),
        state: match tenant.spec.state.unwrap_or(State::Active) {
            State::Active => TenantState::Active,
            State::Suspended => TenantState::Suspended,
            State::Archived => TenantState::Archived,
        },
        plan_name: tenant.spec.plan_ref.name,
        namespace: tenant_namespace(object),
        mirrored_generation: tenant.status.and_then(|status| mirrored_generation(&status.conditions)),
        settings: object.optional("/spec/settings").unwrap_or_else(|| json!({})),
        spec: object.part("/spec"),
        status: object.optional("/status").unwrap_or_else(|| json!({})),
    })
}

fn mirrored_generation(conditions: &[Condition]) -> Option<i64> {
    let mirrored = conditions::get(conditions, conditions::MIRRORED)?;
    (mirrored.status == conditions::TRUE).then_some(mirrored.observed_generation)?
}

/// Returns the namespace of a tenant, even if the rest of the object does not parse.
#[must_use]
pub fn tenant_namespace(object: &Object) -> String {
    let named = object.raw.pointer("/spec/namespace/name").and_then(Value::as_str);
    named.map_or_else(|| names::tenant_namespace(&object.identity.name), str::to_owned)
}
