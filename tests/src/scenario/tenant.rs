//! Tenants of scenarios, with high limits unless the scenario's plan sets others.

use crds::{
    Plan, Tenant,
    conditions::{READY, is_true},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{harness::DEADLINE, recorder};
use crate::wait;

/// Roles of kubectl users; every tenant has one user per role.
const ROLES: [&str; 4] = ["admin", "builder", "operator", "viewer"];
const MANAGER: &str = "scenarios";

/// Returns the kubectl user of a role.
pub(super) fn user_with_role(role: &str) -> String {
    format!("{role}@scenarios.example")
}

/// Applies a tenant with this slug, waits until it is ready, and returns its namespace. `plan` is merged into
/// the default plan.
///
/// # Errors
/// Returns an error if the tenant is refused, or does not become ready.
pub async fn apply(client: &Client, slug: &str, plan: &Value) -> anyhow::Result<String> {
    let mut spec = json!({
        "displayName": "Scenarios",
        "limits": {"storedRuns": 100_000, "workflows": 1_000},
        "network": {"egress": [{
            "namespace": recorder::NAMESPACE, "podLabels": {"app": recorder::APP}, "ports": [recorder::PORT, recorder::SECURE_PORT],
            "hosts": recorder::SERVICES.map(recorder::host)
        }]},
        "runners": {"warmMax": 2, "keepAliveMax": "10m"},
        // The images of the platform are the only ones on the node of the tests.
        "registries": ["docker.io", "docker.io/smb-copilot"]
    });
    merge_patch(&mut spec, plan);
    let plan = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Plan", "metadata": {"name": slug}, "spec": spec});
    let access: Vec<Value> = ROLES
        .iter()
        .map(|role| json!({"kind": "User", "name": user_with_role(role), "role": role}))
        .collect();
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

/// Merges `patch` into `target` as a JSON merge patch does.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else { return };
    for (name, value) in fields {
        match target.get_mut(name) {
            Some(inner) if inner.is_object() && value.is_object() => merge_patch(inner, value),
            _ => target[name] = value.clone(),
        }
    }
}
