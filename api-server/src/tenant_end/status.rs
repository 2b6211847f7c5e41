//! The part of a Tenant's status that the end of tenants writes.

use std::time::Duration;

use crds::{
    Tenant,
    conditions::{self, ConditionUpdate},
    constants::TENANT_END_MANAGER,
    tenant::TenantExport,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{Error, task::Task};

/// Timeout of one request; the retries of the client itself would take minutes.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of characters of a message; the cause is at the beginning.
const MAX_MESSAGE_CHARS: usize = 1024;
/// Conditions that the end of tenants writes.
const OWNED_CONDITIONS: [&str; 3] = [conditions::EXPORTED, conditions::PURGEABLE, conditions::DATA_DELETED];

/// The part of a Tenant's status that the end of tenants writes. Server-side apply removes what is not in it any more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EndStatus {
    conditions: Vec<Condition>,
    pub(super) export: Option<TenantExport>,
}

/// New values of a condition.
pub(super) struct Report<'a> {
    pub(super) kind: &'static str,
    pub(super) holds: bool,
    pub(super) reason: &'a str,
    pub(super) message: String,
}

impl EndStatus {
    fn of_tenant(tenant: &Tenant) -> Self {
        let status = tenant.status.clone().unwrap_or_default();
        let owned = |condition: &Condition| OWNED_CONDITIONS.contains(&condition.type_.as_str());
        Self { conditions: status.conditions.into_iter().filter(owned).collect(), export: status.export }
    }

    /// Sets a condition.
    pub(super) fn set(&mut self, tenant: &Tenant, report: Report<'_>, now: Timestamp) {
        let Report { kind, holds, reason, message } = report;
        let update = ConditionUpdate {
            kind,
            status: if holds { conditions::TRUE } else { conditions::FALSE },
            reason,
            message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
            generation: tenant.metadata.generation,
        };
        conditions::set(&mut self.conditions, update, Time(now));
    }

    /// Removes a condition.
    pub(super) fn remove(&mut self, kind: &str) {
        self.conditions.retain(|condition| condition.type_ != kind);
    }
}

/// Returns the object of a task as it is now; `None` if it does not exist any more.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(super) async fn read(client: &Client, task: &Task) -> Result<Option<Tenant>, Error> {
    let tenants: Api<Tenant> = Api::all(client.clone());
    let found = with_timeout("read a tenant", tenants.get_opt(&task.slug)).await?;
    Ok(found.filter(|tenant| tenant.uid().as_deref() == Some(task.uid.to_string().as_str())))
}

/// Changes the part of the status that the end of tenants writes, unless it stays the same, on condition that nobody has written
/// the object since it was read.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request, and [`Error::Conflict`] if the object has been
/// written or deleted.
pub(super) async fn update(
    client: &Client,
    tenant: &Tenant,
    change: impl FnOnce(&mut EndStatus),
) -> Result<(), Error> {
    let old = EndStatus::of_tenant(tenant);
    let mut new = old.clone();
    change(&mut new);
    if new == old {
        return Ok(());
    }
    let tenants: Api<Tenant> = Api::all(client.clone());
    let params = PatchParams::apply(TENANT_END_MANAGER).force();
    let patch = Patch::Apply(object(tenant, &new));
    let name = tenant.name_any();
    let patched = tenants.patch_status(&name, &params, &patch);
    match with_timeout("write the status of a tenant", patched).await {
        Ok(_) => Ok(()),
        Err(Error::Kubernetes { source, .. }) if is_conflict(&source) => Err(Error::Conflict),
        Err(error) => Err(error),
    }
}

fn object(tenant: &Tenant, EndStatus { conditions, export }: &EndStatus) -> Value {
    let status = match export {
        Some(export) => json!({"conditions": conditions, "export": export}),
        None => json!({"conditions": conditions}),
    };
    let metadata = json!({
        "name": tenant.name_any(), "uid": tenant.uid(), "resourceVersion": tenant.resource_version(),
    });
    json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": metadata, "status": status})
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
}

async fn with_timeout<T>(
    action: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(response) => response.map_err(|source| Error::Kubernetes { action, source: Box::new(source) }),
        Err(_) => Err(Error::Timeout { action, seconds: REQUEST_TIMEOUT.as_secs() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str) -> String {
        format!(
            "{{type: {kind}, status: 'True', reason: Any, message: '', lastTransitionTime: '2026-11-24T08:00:00Z'}}"
        )
    }

    /// What the operator and the mirror have written is never part of what is applied: it would change its owner.
    #[test]
    fn only_owned_conditions_are_applied() {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: acme, uid: u1, resourceVersion: '7'}}, \
             spec: {{planRef: {{name: starter}}}}, status: {{phase: Active, conditions: [{}, {}, {}]}}}}",
            condition("Ready"),
            condition("Mirrored"),
            condition("Exported")
        );
        let tenant: Tenant = serde_yaml::from_str(&text).unwrap();
        let applied = object(&tenant, &EndStatus::of_tenant(&tenant));
        assert_eq!(applied["metadata"]["resourceVersion"], "7");
        assert_eq!(applied["status"].as_object().unwrap().len(), 1);
        let kinds: Vec<_> =
            applied["status"]["conditions"].as_array().unwrap().iter().map(|c| &c["type"]).collect();
        assert_eq!(kinds, ["Exported"]);
    }
}
