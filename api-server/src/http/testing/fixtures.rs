//! Objects that are mirrored before a test starts.

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use serde::de::DeserializeOwned;

use crate::{db::MirrorPool, mirror};

const OBJECTS: &str = include_str!("fixtures.yaml");

pub(in crate::http) const ACME: &str = "a0000000-0000-4000-8000-000000000001";
/// ID of the workflow `invoice`, which has a schema and the runs `invoice-1` and `invoice-2`.
pub(in crate::http) const WORKFLOW: &str = "b0000000-0000-4000-8000-000000000001";
/// ID of the workflow `attic`.
pub(in crate::http) const ARCHIVED_WORKFLOW: &str = "b0000000-0000-4000-8000-000000000003";
/// ID of the run `invoice-1`.
pub(in crate::http) const RUN: &str = "c0000000-0000-4000-8000-000000000001";
/// ID of the run `invoice-2`.
pub(in crate::http) const FAILED_RUN: &str = "c0000000-0000-4000-8000-000000000002";
/// ID of the run `report-1`.
pub(in crate::http) const QUEUED_RUN: &str = "c0000000-0000-4000-8000-000000000003";

pub(super) async fn apply(mirror: &MirrorPool) {
    for document in documents() {
        match document["kind"].as_str().unwrap() {
            "Plan" => mirror::apply_one(mirror, &object::<Plan>(document)).await.unwrap(),
            "Tenant" => mirror::apply_one(mirror, &object::<Tenant>(document)).await.unwrap(),
            "Workflow" => mirror::apply_one(mirror, &object::<Workflow>(document)).await.unwrap(),
            _ => mirror::apply_one(mirror, &object::<WorkflowRun>(document)).await.unwrap(),
        };
    }
}

pub(super) async fn finish_queued_run(mirror: &MirrorPool) {
    let named = |document: &serde_yaml::Value| document["metadata"]["uid"].as_str() == Some(QUEUED_RUN);
    let mut document = documents().into_iter().find(named).unwrap();
    document["metadata"]["resourceVersion"] = "1000".into();
    document["status"] = serde_yaml::from_str(
        "{phase: Succeeded, startedAt: 2026-11-24T08:02:01Z, finishedAt: 2026-11-24T08:02:02Z}",
    )
    .unwrap();
    mirror::apply_one(mirror, &object::<WorkflowRun>(document)).await.unwrap();
}

pub(super) async fn add_runs(mirror: &MirrorPool, number: usize) {
    const PHASES: [&str; 7] =
        ["Queued", "Running", "Suspended", "Succeeded", "Failed", "Cancelled", "TimedOut"];
    for (index, phase) in (0..number).zip(PHASES.iter().cycle()) {
        let run = serde_json::json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {
                "name": format!("more-{index}"), "namespace": "t-acme", "generation": 1,
                "uid": format!("c1000000-0000-4000-8000-{index:012}"), "resourceVersion": (100 + index).to_string(),
                "creationTimestamp": format!("2026-11-24T08:02:{:02}Z", index / 2),
            },
            "spec": {"workflowRef": {"name": "invoice"}, "input": {}, "trigger": {"kind": "Manual"}},
            "status": {"phase": phase},
        });
        mirror::apply_one(mirror, &serde_json::from_value::<WorkflowRun>(run).unwrap()).await.unwrap();
    }
}

pub(super) async fn set_plan_limits(mirror: &MirrorPool, limits: &serde_json::Value) {
    let is_plan = |document: &serde_yaml::Value| document["kind"].as_str() == Some("Plan");
    let mut plan = documents().into_iter().find(is_plan).unwrap();
    plan["metadata"]["resourceVersion"] = "1000".into();
    plan["spec"]["limits"] = serde_yaml::to_value(limits).unwrap();
    mirror::apply_one(mirror, &object::<Plan>(plan)).await.unwrap();
}

/// Returns the runs as Kubernetes has them.
pub(super) fn runs() -> Vec<serde_json::Value> {
    of_kind("WorkflowRun")
}

/// Returns the workflows as Kubernetes has them.
pub(super) fn workflows() -> Vec<serde_json::Value> {
    of_kind("Workflow")
}

/// Returns the tenants as Kubernetes has them.
pub(super) fn tenants() -> Vec<serde_json::Value> {
    of_kind("Tenant")
}

fn of_kind(kind: &str) -> Vec<serde_json::Value> {
    let is_of_kind = |document: &serde_yaml::Value| document["kind"].as_str() == Some(kind);
    documents().into_iter().filter(is_of_kind).map(object).collect()
}

fn documents() -> Vec<serde_yaml::Value> {
    let documents = serde_yaml::Deserializer::from_str(OBJECTS);
    documents.map(|document| serde::Deserialize::deserialize(document).unwrap()).collect()
}

fn object<K: DeserializeOwned>(document: serde_yaml::Value) -> K {
    serde_yaml::from_value(document).unwrap()
}
