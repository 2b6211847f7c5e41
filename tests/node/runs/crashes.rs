//! Pods that are lost in the second of three steps.

use anyhow::Context as _;
use crds::{WorkflowRunStatus, run::RunPhase};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::DeleteParams};
use serde_json::json;
use tests::pod;

use super::world::{World, is_running, step};

/// The second step hangs at its first attempt: until the pod is lost.
const THREE_STEPS: &str = r#"
    steps:
    - name: first
      python: {code: "import uuid\ndef run(input, ctx): return str(uuid.uuid4())"}
    - name: second
      needs: [first]
      python:
        code: |
          import time
          def run(input, ctx):
              if ctx.attempt == 1: time.sleep(600)
              return ctx.attempt
    - name: third
      needs: [second]
      python: {code: "def run(input, ctx): return 3"}
    output: "${{ [steps.first.output, string(steps.second.output), string(steps.third.output)] }}""#;

/// Starts the three steps and waits for the second one.
async fn in_second_step(world: &World) -> anyhow::Result<(String, WorkflowRunStatus)> {
    let workflow = world.workflow("crash", THREE_STEPS).await?;
    let run = world.start(&workflow, json!({})).await?;
    let status = world.until(&run, "its second step runs", is_running("second", 1)).await?;
    Ok((run, status))
}

async fn assert_went_on(world: &World, run: &str, before: &WorkflowRunStatus) -> anyhow::Result<()> {
    let after = world.end(run).await?;
    assert_eq!(after.phase, Some(RunPhase::Succeeded), "{after:#?}");
    assert_eq!(step(&after, "first"), step(before, "first"), "the first step ran once");
    assert_eq!(step(&after, "second").attempt, Some(2));
    let first = step(before, "first").output.unwrap_or_default();
    assert_eq!(after.output, Some(json!([first, "2", "3"])));
    let pod = |status: &WorkflowRunStatus| status.runner.clone().and_then(|runner| runner.pod_uid);
    assert_ne!(pod(&after), pod(before), "another pod went on");
    Ok(())
}

/// A runner that dies takes its run with it, or the run starts all over.
#[tokio::test]
async fn a_killed_runner_is_replaced_and_the_run_goes_on() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let (run, before) = in_second_step(&world).await?;
    let pod_uid = before.runner.clone().and_then(|runner| runner.pod_uid).context("no pod")?;
    pod::kill(&pod_uid)?;
    assert_went_on(&world, &run, &before).await
}

/// A pod that is evicted takes its run with it.
#[tokio::test]
async fn a_deleted_pod_is_replaced_and_the_run_goes_on() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let (run, before) = in_second_step(&world).await?;
    let pod = before.runner.clone().and_then(|runner| runner.pod).context("no pod")?;
    let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace);
    pods.delete(&pod, &DeleteParams::default()).await?;
    assert_went_on(&world, &run, &before).await
}
