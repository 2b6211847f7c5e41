//! Runs whose pod cannot start.

use anyhow::Context as _;
use crds::{
    Quantity, WorkflowRunStatus,
    run::{Cancel, RunPhase},
};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::neighbour::Neighbour;

use super::fixture::Fixture;

/// CPU of a pod apart from that of its step, in thousandths of a core: the request of the runner, and a rest by which the pod
/// is smaller than the node. The programs of the product request more than that.
const OTHER_CPU: u128 = 50 + 50;

/// A run whose pod is smaller than the node, and larger than what is left of it, shows the scheduler's message and can be
/// cancelled. A run of another tenant finishes beside it.
#[tokio::test]
async fn a_run_without_room_on_a_node_says_why_and_is_cancelled() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let neighbour = Neighbour::create().await?;
    let cpu = node_cpu(&fixture.client).await?.saturating_sub(OTHER_CPU);
    let spec = format!(
        "steps: [{{name: only, python: {{code: 'def run(input, ctx): return 1', resources: {{cpu: {cpu}m}}}}}}]"
    );
    let workflow = fixture.apply_workflow("no-room", &spec).await?;
    for cancel in [Cancel::Graceful, Cancel::Now] {
        let run = fixture.start(&workflow, json!({})).await?;
        let blocked = |status: &WorkflowRunStatus| {
            status.queue.as_ref().is_some_and(|queue| queue.reason == "PodUnschedulable")
        };
        let status = fixture.wait_until(&run, "it has no room on a node", blocked).await?;
        let queue = status.queue.context("the run does not say why it waits")?;
        assert!(queue.message.contains("Insufficient cpu"), "{}", queue.message);
        assert_eq!((status.phase, status.started_at), (Some(RunPhase::Queued), None));
        neighbour.finish_run().await?;
        let patch = Patch::Merge(json!({"spec": {"cancel": cancel}}));
        fixture.runs().patch(&run, &PatchParams::default(), &patch).await?;
        let status = fixture.wait_for_end(&run).await?;
        assert_eq!((status.phase, status.error), (Some(RunPhase::Cancelled), None), "{cancel}");
    }
    Ok(())
}

/// Returns the CPU that the largest node provides, in thousandths of a core.
async fn node_cpu(client: &Client) -> anyhow::Result<u128> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    let provided = nodes.items.iter().filter_map(|node| {
        let cpu = node.status.as_ref()?.allocatable.as_ref()?.get("cpu")?;
        Quantity::new(&cpu.0).to_milli().ok()
    });
    provided.max().context("no node states its CPU")
}
