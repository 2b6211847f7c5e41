//! ResourceQuota for all pods of a tenant together.

use std::collections::BTreeMap;

use crds::{
    names,
    plan::{NamespaceQuota, ResourceAmounts},
    tenant::TenantState,
};
use k8s_openapi::{
    api::core::v1::{ResourceQuota, ResourceQuotaSpec},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{Validated, child_metadata};

/// Returns the quota of the plan. An archived tenant may have no pods.
pub(super) fn build(tenant: &Validated) -> ResourceQuota {
    let quota = tenant.plan.spec.namespace.clone().unwrap_or_default();
    let mut hard = hard_limits(&quota);
    if tenant.state == TenantState::Archived {
        hard.insert("pods".to_owned(), Quantity("0".to_owned()));
    }
    ResourceQuota {
        metadata: child_metadata(tenant, names::RESOURCE_QUOTA, "tenant"),
        spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
        ..ResourceQuota::default()
    }
}

fn hard_limits(quota: &NamespaceQuota) -> BTreeMap<String, Quantity> {
    let NamespaceQuota { requests, pods } = quota;
    let ResourceAmounts { cpu, memory, ephemeral_storage } = requests.clone().unwrap_or_default();
    [
        ("requests.cpu", cpu.map(|amount| amount.to_string())),
        ("requests.memory", memory.map(|amount| amount.to_string())),
        ("requests.ephemeral-storage", ephemeral_storage.map(|amount| amount.to_string())),
        ("pods", pods.map(|pods| pods.to_string())),
    ]
    .into_iter()
    .filter_map(|(resource, amount)| Some((resource.to_owned(), Quantity(amount?))))
    .collect()
}
