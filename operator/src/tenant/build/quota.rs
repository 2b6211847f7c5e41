//! ResourceQuota of a tenant: all of its pods together, and the number of its runs and workflows.

use std::collections::BTreeMap;

use crds::{
    constants::{DEFAULT_STORED_RUNS, DEFAULT_WORKFLOWS, MAX_SECRETS},
    names,
    plan::{NamespaceQuota, PlanLimits, ResourceAmounts},
    tenant::TenantState,
};
use k8s_openapi::{
    api::core::v1::{ResourceQuota, ResourceQuotaSpec},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{Validated, child_metadata};

/// Returns the quota of the plan. A tenant that is archived, or suspended without a run that needs a pod to end, may have none.
pub(super) fn build(tenant: &Validated) -> ResourceQuota {
    let quota = tenant.plan.spec.namespace.clone().unwrap_or_default();
    let mut hard = hard_limits(&quota);
    if tenant.counts_objects {
        hard.extend(object_limits(&tenant.plan.spec.limits.clone().unwrap_or_default()));
    }
    // An adopted namespace may have any number of Secrets of others.
    if tenant.creates_namespace {
        hard.insert(names::SECRET_COUNT.to_owned(), Quantity(MAX_SECRETS.to_string()));
    }
    if !may_have_pods(tenant) {
        hard.insert("pods".to_owned(), Quantity("0".to_owned()));
    }
    ResourceQuota {
        metadata: child_metadata(tenant, names::RESOURCE_QUOTA, "tenant"),
        spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
        ..ResourceQuota::default()
    }
}

fn may_have_pods(tenant: &Validated) -> bool {
    match tenant.state {
        TenantState::Active => true,
        TenantState::Suspended => tenant.unfinished.with_slot > 0,
        TenantState::Archived => false,
    }
}

/// Returns the limits of the number of objects. The API server refuses a further object before it stores it.
fn object_limits(limits: &PlanLimits) -> [(String, Quantity); 2] {
    let runs = limits.stored_runs.unwrap_or(DEFAULT_STORED_RUNS);
    let workflows = limits.workflows.unwrap_or(DEFAULT_WORKFLOWS);
    [(names::RUN_COUNT, runs), (names::WORKFLOW_COUNT, workflows)]
        .map(|(resource, count)| (resource.to_owned(), Quantity(count.to_string())))
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
