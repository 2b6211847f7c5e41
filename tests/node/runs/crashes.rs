//! Pods that are lost in the second of three steps.

use anyhow::Context as _;
use crds::{WorkflowRunStatus, run::RunPhase};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::DeleteParams};
use serde_json::json;
use tests::runner_process;

use super::fixture::{Fixture, is_running, step};

/// The second step does not end at its first attempt, until the pod is lost.
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
async fn in_second_step(fixture: &Fixture) -> anyhow::Result<(String, WorkflowRunStatus)> {
    let workflow = fixture.apply_workflow("crash", THREE_STEPS).await?;
    let run = fixture.start(&workflow, json!({})).await?;
    let status = fixture.wait_until(&run, "its second step runs", is_running("second", 1)).await?;
    Ok((run, status))
}

async fn assert_continued(fixture: &Fixture, run: &str, before: &WorkflowRunStatus) -> anyhow::Result<()> {
    let after = fixture.wait_for_end(run).await?;
    assert_eq!(after.phase, Some(RunPhase::Succeeded), "{after:#?}");
    assert_eq!(step(&after, "first"), step(before, "first"), "the first step was executed once");
    assert_eq!(step(&after, "second").attempt, Some(2));
    let first = step(before, "first").output.unwrap_or_default();
    assert_eq!(after.output, Some(json!([first, "2", "3"])));
    let pod = |status: &WorkflowRunStatus| status.runner.clone().and_then(|runner| runner.pod_uid);
    assert_ne!(pod(&after), pod(before), "the run continued in another pod");
    Ok(())
}

/// A run whose runner is killed continues in another pod with its completed steps.
#[tokio::test]
async fn a_killed_runner_is_replaced_and_the_run_continues() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let (run, before) = in_second_step(&fixture).await?;
    let pod_uid = before.runner.clone().and_then(|runner| runner.pod_uid).context("the run has no pod")?;
    runner_process::kill(&pod_uid)?;
    assert_continued(&fixture, &run, &before).await
}

/// A run whose pod is deleted continues in another pod with its completed steps.
#[tokio::test]
async fn a_deleted_pod_is_replaced_and_the_run_continues() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let (run, before) = in_second_step(&fixture).await?;
    let pod = before.runner.clone().and_then(|runner| runner.pod).context("the run has no pod")?;
    let pods = Api::<Pod>::namespaced(fixture.client.clone(), &fixture.namespace);
    pods.delete(&pod, &DeleteParams::default()).await?;
    assert_continued(&fixture, &run, &before).await
}
