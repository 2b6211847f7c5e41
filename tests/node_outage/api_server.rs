//! Outage of the api-server during a run.

use crds::{
    WorkflowRun, WorkflowRunStatus,
    conditions::{ARCHIVED, is_true},
    run::{RunPhase, StepPhase},
};
use kube::ResourceExt as _;
use serde_json::json;
use tests::{
    api::ApiClient,
    tenant_namespace::{DEADLINE, TenantNamespace},
    wait::until,
};

use super::product::Component;

/// The second step runs as long as the api-server accepts connections, so it ends, and the third step runs,
/// during the outage.
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

/// A run continues and ends during an outage of the api-server, and is stored and archived afterwards.
#[tokio::test]
async fn a_run_ends_without_the_api_server_and_is_archived_afterwards() -> anyhow::Result<()> {
    let (api_server, acme) =
        (Component::exclusive("api-server").await?, TenantNamespace::for_tenant("acme").await?);
    let workflow = acme.apply_workflow("outage", SPEC).await?;
    let run = acme.start(&workflow.name_any(), json!({})).await?;
    let ended = while_down(&api_server, &acme, &run).await;
    api_server.scale_up().await?;
    let ended = ended?;
    assert_eq!(ended.phase, Some(RunPhase::Succeeded), "{ended:#?}");
    assert_eq!(ended.output, Some(json!(["it is up", "it is down"])));
    assert!(!is_true(&ended.conditions, ARCHIVED), "the run was archived without the api-server");

    let path = format!("/v1/workflow-runs/{}", run.uid().unwrap_or_default());
    let viewer = ApiClient::viewer()?;
    // A pod is ready a moment before its Service routes to it; until then connections are refused.
    let observe = async || {
        Ok(viewer.get(&path).await.map(|response| response.body["status"].clone()).unwrap_or_default())
    };
    until("the API returns the final status", DEADLINE, observe, |status| status == "SUCCEEDED").await?;
    let steps = viewer.get(&format!("{path}/steps")).await?.list();
    let actual: Vec<_> =
        steps.iter().map(|step| (&step["name"], &step["status"], &step["attempt"])).collect();
    let expected = ["before", "during", "after"].map(|name| (json!(name), json!("SUCCEEDED"), json!(1)));
    assert_eq!(
        actual,
        expected.iter().map(|(name, status, attempt)| (name, status, attempt)).collect::<Vec<_>>()
    );
    let archived = |status: &WorkflowRunStatus| is_true(&status.conditions, ARCHIVED);
    acme.wait_until(&run, "it is archived", archived).await.map(drop)
}

async fn while_down(
    api_server: &Component,
    acme: &TenantNamespace,
    run: &WorkflowRun,
) -> anyhow::Result<WorkflowRunStatus> {
    let in_second_step = |status: &WorkflowRunStatus| {
        status.steps.iter().any(|step| step.name == "during" && step.phase == StepPhase::Running)
    };
    acme.wait_until(run, "its second step runs", in_second_step).await?;
    api_server.scale_down().await?;
    acme.wait_for_end(run).await
}
