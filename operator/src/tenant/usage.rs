//! What a tenant uses of its plan, and what of it exceeds the plan, as after a change to a smaller one. Pure.

use std::{collections::BTreeMap, fmt};

use crds::{
    PlanSpec, Quantity, WorkflowRun,
    constants::{DEFAULT_STORED_INPUT_BYTES, DEFAULT_STORED_RUNS, DEFAULT_WORKFLOWS},
    names,
    plan::{NamespaceQuota, PlanLimits, ResourceAmounts},
};
use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::Value;

use crate::run_lifecycle::{is_queued_for_slot, occupies_slot};

/// Unfinished runs of a tenant, as far as they were accepted. A run that a limit is about to refuse does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunUsage {
    unfinished: u64,
    /// Size of the inputs, in bytes of JSON text.
    input_bytes: u64,
    /// Runs that hold a slot.
    concurrent: u64,
    /// Runs that are queued for a slot.
    queued: u64,
}

/// What a tenant uses, as far as the operator knows it. What only the database knows (outputs, logs) is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Usage of the namespace's ResourceQuota by resource, as Kubernetes counts it.
    quota: BTreeMap<String, Quantity>,
    runs: RunUsage,
}

/// A limit of the plan, and usage that exceeds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// Path of the limit in the spec of the plan.
    limit: &'static str,
    used: Quantity,
    allowed: Quantity,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, used, allowed } = self;
        write!(f, "{used} of {allowed} {limit}")
    }
}

impl RunUsage {
    /// Counts the unfinished runs of one tenant.
    pub(crate) fn of_runs<'a>(runs: impl IntoIterator<Item = &'a WorkflowRun>) -> Self {
        runs.into_iter().fold(Self::default(), Self::and)
    }

    /// Returns the usage with another unfinished run.
    pub(crate) fn and(self, run: &WorkflowRun) -> Self {
        if run.status.as_ref().is_none_or(|status| status.revision.is_none()) {
            return self;
        }
        // The operator's client reads the size of the input in place of the input.
        let bytes = run.spec.input.as_ref().and_then(Value::as_u64).unwrap_or_default();
        let (holds_slot, is_queued) = (occupies_slot(run), is_queued_for_slot(run));
        Self {
            unfinished: self.unfinished.saturating_add(1),
            input_bytes: self.input_bytes.saturating_add(bytes),
            concurrent: self.concurrent.saturating_add(holds_slot.into()),
            queued: self.queued.saturating_add((is_queued && !holds_slot).into()),
        }
    }
}

impl Usage {
    /// Returns the usage of a tenant with this quota and these runs.
    pub(crate) fn new(quota: Option<&ResourceQuota>, runs: RunUsage) -> Self {
        let used = quota.and_then(|quota| quota.status.as_ref()?.used.as_ref());
        let quota = used.into_iter().flatten();
        let quota =
            quota.map(|(resource, used)| (resource.clone(), Quantity::new(used.0.as_str()))).collect();
        Self { quota, runs }
    }
}

/// Returns the limits of a plan that the usage exceeds.
pub(super) fn above_plan(plan: &PlanSpec, usage: &Usage) -> Vec<Excess> {
    let limits = plan.limits.clone().unwrap_or_default();
    let mut known = namespace_usage(&plan.namespace.clone().unwrap_or_default(), &usage.quota);
    known.extend(object_usage(&limits, &usage.quota));
    known.extend(run_usage(limits, usage.runs));
    known.retain(exceeds);
    known
}

/// A quantity that cannot be compared does not exceed a limit: nothing is known about it.
fn exceeds(Excess { limit: _, used, allowed }: &Excess) -> bool {
    used.to_milli().ok().zip(allowed.to_milli().ok()).is_some_and(|(used, allowed)| used > allowed)
}

fn namespace_usage(quota: &NamespaceQuota, used: &BTreeMap<String, Quantity>) -> Vec<Excess> {
    let NamespaceQuota { requests, pods } = quota;
    let ResourceAmounts { cpu, memory, ephemeral_storage } = requests.clone().unwrap_or_default();
    [
        ("namespace.requests.cpu", "requests.cpu", cpu),
        ("namespace.requests.memory", "requests.memory", memory),
        ("namespace.requests.ephemeralStorage", "requests.ephemeral-storage", ephemeral_storage),
        ("namespace.pods", "pods", pods.map(count)),
    ]
    .into_iter()
    .filter_map(|(limit, resource, allowed)| {
        Some(Excess { limit, used: used.get(resource)?.clone(), allowed: allowed? })
    })
    .collect()
}

/// Kubernetes counts the objects once it knows the definitions; until then, their number is not limited.
fn object_usage(limits: &PlanLimits, used: &BTreeMap<String, Quantity>) -> Vec<Excess> {
    let stored_runs = limits.stored_runs.unwrap_or(DEFAULT_STORED_RUNS);
    let workflows = limits.workflows.unwrap_or(DEFAULT_WORKFLOWS);
    [
        ("limits.workflows", names::WORKFLOW_COUNT, workflows),
        ("limits.storedRuns", names::RUN_COUNT, stored_runs),
    ]
    .into_iter()
    .filter_map(|(limit, resource, allowed)| {
        Some(Excess { limit, used: used.get(resource)?.clone(), allowed: count(allowed) })
    })
    .collect()
}

fn run_usage(limits: PlanLimits, used: RunUsage) -> Vec<Excess> {
    let RunUsage { unfinished, input_bytes, concurrent, queued } = used;
    let PlanLimits {
        unfinished_runs,
        stored_input_bytes,
        concurrent_runs,
        queued_runs,
        // Kubernetes counts them.
        workflows: _,
        stored_runs: _,
        // Only the database knows them.
        storage_bytes: _,
        log_bytes: _,
        // Not enforced by this version.
        users: _,
        documents: _,
        document_bytes: _,
        chunks: _,
        // They limit what happens from now on; nothing that exists exceeds them.
        runs_per_day: _,
        min_schedule_interval: _,
        api_requests_per_minute: _,
    } = limits;
    let stored_input_bytes = stored_input_bytes.unwrap_or_else(|| count(DEFAULT_STORED_INPUT_BYTES));
    [
        ("limits.unfinishedRuns", unfinished, unfinished_runs.map(count)),
        ("limits.storedInputBytes", input_bytes, Some(stored_input_bytes)),
        ("limits.concurrentRuns", concurrent, concurrent_runs.map(count)),
        ("limits.queuedRuns", queued, queued_runs.map(count)),
    ]
    .into_iter()
    .filter_map(|(limit, used, allowed)| Some(Excess { limit, used: count(used), allowed: allowed? }))
    .collect()
}

fn count(number: impl Into<u64>) -> Quantity {
    Quantity::new(number.into().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(spec: Value) -> PlanSpec {
        serde_json::from_value(spec).unwrap()
    }

    fn usage(used: &Value, runs: RunUsage) -> Usage {
        let quota = json!({"metadata": {}, "status": {"used": used}});
        Usage::new(Some(&serde_json::from_value(quota).unwrap()), runs)
    }

    fn excesses(plan: &PlanSpec, usage: &Usage) -> Vec<String> {
        above_plan(plan, usage).iter().map(ToString::to_string).collect()
    }

    fn run(spec: &Value, status: &Value) -> WorkflowRun {
        let run = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": "order-7"},
            "spec": spec, "status": status,
        });
        serde_json::from_value(run).unwrap()
    }

    /// Each limit that the usage exceeds is named with both numbers, in the units of the plan, and usage that reaches a limit
    /// exactly does not exceed it.
    #[test]
    fn each_limit_that_is_exceeded_has_both_numbers() {
        let plan = plan(json!({
            "namespace": {"requests": {"cpu": "1", "memory": "1Gi", "ephemeralStorage": "1Gi"}, "pods": 2},
            "limits": {"workflows": 3, "storedRuns": 4, "unfinishedRuns": 5, "storedInputBytes": "1Ki", "concurrentRuns": 6, "queuedRuns": 7},
        }));
        let full = json!({
            "requests.cpu": "1", "requests.memory": "1Gi", "requests.ephemeral-storage": "1Gi", "pods": "2",
            "count/workflows.smbcopilot.dev": "3", "count/workflowruns.smbcopilot.dev": "4",
        });
        let full = usage(&full, RunUsage { unfinished: 5, input_bytes: 1_024, concurrent: 6, queued: 7 });
        assert_eq!(excesses(&plan, &full), [""; 0]);
        let more = json!({
            "requests.cpu": "1001m", "requests.memory": "2Gi", "requests.ephemeral-storage": "1025Mi", "pods": "3",
            "count/workflows.smbcopilot.dev": "4", "count/workflowruns.smbcopilot.dev": "5",
        });
        let more = usage(&more, RunUsage { unfinished: 6, input_bytes: 1_025, concurrent: 7, queued: 8 });
        assert_eq!(
            excesses(&plan, &more),
            [
                "1001m of 1 namespace.requests.cpu",
                "2Gi of 1Gi namespace.requests.memory",
                "1025Mi of 1Gi namespace.requests.ephemeralStorage",
                "3 of 2 namespace.pods",
                "4 of 3 limits.workflows",
                "5 of 4 limits.storedRuns",
                "6 of 5 limits.unfinishedRuns",
                "1025 of 1Ki limits.storedInputBytes",
                "7 of 6 limits.concurrentRuns",
                "8 of 7 limits.queuedRuns",
            ]
        );
    }

    /// A limit that the plan does not set is not exceeded, unless it has a default, and neither is one of which no usage is
    /// known yet.
    #[test]
    fn a_limit_that_is_not_set_is_not_exceeded() {
        let many = RunUsage { unfinished: 9_000, input_bytes: 0, concurrent: 9_000, queued: 9_000 };
        let used = json!({"pods": "900", "count/workflows.smbcopilot.dev": "201"});
        assert_eq!(excesses(&plan(json!({})), &usage(&used, many)), ["201 of 200 limits.workflows"]);
        let limited = plan(json!({"namespace": {"pods": 1}, "limits": {"workflows": 1}}));
        assert_eq!(excesses(&limited, &Usage::new(None, RunUsage::default())), [""; 0]);
    }

    /// Of the unfinished runs, those count that were accepted: each with its input, and for one of slot and queue at most.
    #[test]
    fn accepted_runs_are_counted() {
        let spec = |bytes: u64| json!({"workflowRef": {"name": "intake"}, "input": bytes});
        let revision = json!({"name": "intake-1"});
        let queue = json!({"reason": "PlanConcurrency", "message": "", "position": 1});
        let runs = [
            run(&spec(1), &json!({})),
            run(&spec(10), &json!({"revision": revision, "queue": queue})),
            run(&spec(100), &json!({"revision": revision, "runner": {"podUid": "u1"}, "phase": "Running"})),
            run(&spec(1_000), &json!({"revision": revision, "phase": "Suspended"})),
        ];
        let expected = RunUsage { unfinished: 3, input_bytes: 1_110, concurrent: 1, queued: 1 };
        assert_eq!(RunUsage::of_runs(&runs), expected);
    }
}
