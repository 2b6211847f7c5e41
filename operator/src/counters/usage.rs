//! Requests for the tenants whose condition `PolicyReady` does not show what they use, or whether the cluster enforces their
//! network policies.

use std::{collections::HashMap, sync::Arc};

use crds::WorkflowRun;
use kube::ResourceExt as _;
use rand::seq::IteratorRandom as _;

use crate::{
    context::Context,
    names::tenant_namespace,
    state::ChildObject,
    tenant::{PolicyState, RunUsage, Usage},
    watch::ReconcileRequest,
};

/// Maximum number of tenants that are requested at an interval of ten seconds: a change that concerns 1,000 tenants reaches all
/// of them within a minute, with about 20 writes a second.
const MAX_REQUESTS: usize = 200;

/// Requests a reconcile of the tenants whose condition differs. If there are too many, a random choice of them: the others
/// follow at the next interval.
pub(super) async fn request_outdated(ctx: &Context, runs: &[Arc<WorkflowRun>]) {
    let (runs, enforcement) = (by_namespace(runs), ctx.enforcement.get());
    let tenants = ctx.stores.tenants.state().into_iter();
    let outdated = tenants.filter(|tenant| tenant.metadata.deletion_timestamp.is_none()).filter(|tenant| {
        let Some(plan) = ctx.stores.plan_of(tenant) else { return false };
        let namespace = tenant_namespace(tenant);
        let quota = ctx.stores.quota_in(&namespace);
        let runs = runs.get(&namespace).copied().unwrap_or_default();
        PolicyState::new(&plan, &Usage::new(quota.as_deref().map(ChildObject::object), runs), enforcement)
            .differs_from(tenant)
    });
    let chosen = choose(outdated);
    ctx.requests
        .send_all(chosen.into_iter().map(|tenant| ReconcileRequest::for_tenant(&tenant.name_any())))
        .await;
}

fn choose<T>(outdated: impl Iterator<Item = T>) -> Vec<T> {
    outdated.sample(&mut rand::rng(), MAX_REQUESTS)
}

fn by_namespace(runs: &[Arc<WorkflowRun>]) -> HashMap<String, RunUsage> {
    let mut usages: HashMap<String, RunUsage> = HashMap::new();
    for run in runs {
        let usage = usages.entry(run.namespace().unwrap_or_default()).or_default();
        *usage = usage.and(run);
    }
    usages
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change that concerns all tenants, such as whether the cluster enforces network policies, reaches 1,000 of them within
    /// six intervals and without a burst.
    #[test]
    fn a_change_for_all_tenants_is_no_burst() {
        let mut outdated: Vec<u32> = (0..1_000).collect();
        for _ in 0..6 {
            let chosen = choose(outdated.iter().copied());
            assert!(chosen.len() <= 200);
            outdated.retain(|tenant| !chosen.contains(tenant));
        }
        assert!(outdated.is_empty());
    }
}
