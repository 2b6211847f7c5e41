//! The api-server is away while a run goes on.

use crds::{
    WorkflowRun, WorkflowRunStatus,
    conditions::{ARCHIVED, is_true},
    run::{RunPhase, StepPhase},
};
use kube::ResourceExt as _;
use serde_json::json;
use tests::{
    api::Caller,
    namespace::{DEADLINE, Namespace},
    wait::until,
};

use super::product::Component;

/// The second step goes on for as long as the api-server is seen. So it ends, and the third begins and ends, without it.
const SPEC: &str = r#"
    steps:
    - name: before
      python:
        code: |
          import socket
          def run(input, ctx):
              socket.create_connection(("smb-copilot-api-server.smb-copilot", 80), 5).close()
              return "it is up"
    - name: during
      needs: [before]
      timeout: 2m
      python:
        code: |
          import socket, time
          def run(input, ctx):
              while True:
                  try:
                      socket.create_connection(("smb-copilot-api-server.smb-copilot", 80), 5).close()
                  except OSError:
                      return "it is down"
                  time.sleep(0.2)
    - name: after
      needs: [during]
      python: {code: "def run(input, ctx): return 3"}
    output: "${{ [steps.before.output, steps.during.output] }}""#;

/// What runs while the API is away is lost, or stays unseen and is never cleaned up.
#[tokio::test]
async fn a_run_ends_without_the_api_server_and_is_told_of_afterwards() -> anyhow::Result<()> {
    let (api_server, acme) = (Component::alone("api-server").await?, Namespace::of("acme").await?);
    let workflow = acme.workflow("outage", SPEC).await?;
    let run = acme.start(&workflow.name_any(), json!({})).await?;
    let ended = while_down(&api_server, &acme, &run).await;
    api_server.bring_up().await?;
    let ended = ended?;
    assert_eq!(ended.phase, Some(RunPhase::Succeeded), "{ended:#?}");
    assert_eq!(ended.output, Some(json!(["it is up", "it is down"])));
    assert!(!is_true(&ended.conditions, ARCHIVED), "nobody was there to archive it");

    let path = format!("/v1/workflow-runs/{}", run.uid().unwrap_or_default());
    let viewer = Caller::viewer()?;
    // A pod is ready a moment before its Service leads to it: until then connections are refused.
    let look =
        async || Ok(viewer.get(&path).await.map(|answer| answer.body["status"].clone()).unwrap_or_default());
    until("the API tells of it", DEADLINE, look, |status| status == "SUCCEEDED").await?;
    let steps = viewer.get(&format!("{path}/steps")).await?.list();
    let told: Vec<_> = steps.iter().map(|step| (&step["name"], &step["status"], &step["attempt"])).collect();
    let expected = ["before", "during", "after"].map(|name| (json!(name), json!("SUCCEEDED"), json!(1)));
    assert_eq!(
        told,
        expected.iter().map(|(name, status, attempt)| (name, status, attempt)).collect::<Vec<_>>()
    );
    let archived = |status: &WorkflowRunStatus| is_true(&status.conditions, ARCHIVED);
    acme.until(&run, "it is archived", archived).await.map(drop)
}

async fn while_down(
    api_server: &Component,
    acme: &Namespace,
    run: &WorkflowRun,
) -> anyhow::Result<WorkflowRunStatus> {
    let in_second_step = |status: &WorkflowRunStatus| {
        status.steps.iter().any(|step| step.name == "during" && step.phase == StepPhase::Running)
    };
    acme.until(run, "its second step runs", in_second_step).await?;
    api_server.take_down().await?;
    acme.end(run).await
}
