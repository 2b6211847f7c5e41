//! A tenant for scenarios: generous, but for what a scenario's plan says.

use crds::{
    Plan, Tenant,
    conditions::{READY, is_true},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{recorder, world::DEADLINE};
use crate::wait;

/// The roles of kubectl users; each has a user in each tenant.
const ROLES: [&str; 4] = ["admin", "builder", "operator", "viewer"];
const MANAGER: &str = "scenarios";

/// The kubectl user of a role.
pub(super) fn user(role: &str) -> String {
    format!("{role}@scenarios.example")
}

/// Makes a tenant of this slug, and returns its namespace. `plan` has the parts of its plan that differ.
///
/// # Errors
/// It is refused, or does not become ready.
pub async fn make(client: &Client, slug: &str, plan: &Value) -> anyhow::Result<String> {
    let mut spec = json!({
        "displayName": "Scenarios",
        "network": {"egress": [{
            "namespace": recorder::NAMESPACE, "podLabels": {"app": recorder::APP}, "ports": [recorder::PORT, recorder::SECURE_PORT],
            "hosts": recorder::SERVICES.map(recorder::host)
        }]},
        "runners": {"warmMax": 2, "keepAliveMax": "10m"}
    });
    json_patch(&mut spec, plan);
    let plan = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Plan", "metadata": {"name": slug}, "spec": spec});
    let access: Vec<Value> =
        ROLES.iter().map(|role| json!({"kind": "User", "name": user(role), "role": role})).collect();
    let tenant = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug},
        "spec": {"displayName": "Scenarios", "planRef": {"name": slug}, "access": access, "settings": {"country": "DE"}}
    });
    let params = PatchParams::apply(MANAGER).force().validation_strict();
    Api::<Plan>::all(client.clone()).patch(slug, &params, &Patch::Apply(plan)).await?;
    let tenants = Api::<Tenant>::all(client.clone());
    tenants.patch(slug, &params, &Patch::Apply(tenant)).await?;
    let is_ready =
        |tenant: &Tenant| tenant.status.as_ref().is_some_and(|status| is_true(&status.conditions, READY));
    wait::until("the tenant is ready", DEADLINE, async || Ok(tenants.get(slug).await?), is_ready).await?;
    Ok(crds::names::tenant_namespace(slug))
}

/// As a JSON merge patch does it.
fn json_patch(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else { return };
    for (name, value) in fields {
        match target.get_mut(name) {
            Some(inner) if inner.is_object() && value.is_object() => json_patch(inner, value),
            _ => target[name] = value.clone(),
        }
    }
}
