//! Runs in the API: their logs while they run, and their records after they were deleted in Kubernetes.

use std::time::Duration;

use anyhow::Context as _;
use crds::run::RunPhase;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{
    api::ApiClient,
    tenant_namespace::{DEADLINE, TenantNamespace},
    wait,
};

/// Deadline until a finished run is deleted; the operator checks once a minute.
const RETENTION_DEADLINE: Duration = Duration::from_secs(300);

/// A client that follows a log receives lines while the step runs, and the end of the run.
#[tokio::test]
async fn a_log_is_followed_while_its_step_runs() -> anyhow::Result<()> {
    let (acme, viewer) = (TenantNamespace::for_tenant("acme").await?, ApiClient::viewer()?);
    let spec = "
        steps:
        - name: talk
          python: {code: \"import time\\ndef run(input, ctx):\\n  print('grüße')\\n  time.sleep(600)\"}";
    let workflow = acme.apply_workflow("followed", spec).await?;
    let run = acme.start(&workflow.name_any(), json!({})).await?;
    let path = format!("/v1/workflow-runs/{}", run.uid().unwrap_or_default());
    wait_for_run(&viewer, &path).await?;

    let mut log = viewer.follow(&format!("{path}/logs?step=talk&stream=STDOUT")).await?;
    let (event, line) = log.next().await?.context("the stream ended before the run")?;
    assert_eq!((event.as_str(), &line["line"]), ("log", &json!("grüße")));
    let status = acme.runs().get(&run.name_any()).await?.status.unwrap_or_default();
    assert_eq!(status.phase, Some(RunPhase::Running), "the line was received while the step was running");

    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    acme.runs().patch(&run.name_any(), &PatchParams::default(), &cancel).await?;
    let (event, end) = log.next().await?.context("the stream ended without the final event")?;
    assert_eq!((event.as_str(), &end["status"]), ("end", &json!("CANCELLED")));
    assert_eq!(log.next().await?, None, "the stream continues after the final event");
    Ok(())
}

/// A finished run beyond the retained number is deleted in Kubernetes, and its record and log remain in the
/// API.
#[tokio::test]
async fn a_deleted_finished_run_remains_in_the_api() -> anyhow::Result<()> {
    let (acme, viewer) = (TenantNamespace::for_tenant("acme").await?, ApiClient::viewer()?);
    let spec = "
        retention: {keep: 1}
        steps: [{name: say, python: {code: \"def run(input, ctx):\\n  print(input)\\n  return 7\"}, with: '${{ input.n }}'}]";
    let workflow = acme.apply_workflow("retained", spec).await?.name_any();
    let older = acme.start(&workflow, json!({"n": 1})).await?;
    acme.wait_for_end(&older).await?;
    let newer = acme.start(&workflow, json!({"n": 2})).await?;
    acme.wait_for_end(&newer).await?;

    let observe = async || Ok(acme.runs().get_opt(&older.name_any()).await?);
    wait::until("the older run is deleted", RETENTION_DEADLINE, observe, Option::is_none).await?;
    assert!(acme.runs().get_opt(&newer.name_any()).await?.is_some(), "the newest run is retained");
    for (run, n) in [(&older, "1"), (&newer, "2")] {
        let path = format!("/v1/workflow-runs/{}", run.uid().unwrap_or_default());
        let record = wait_for_run(&viewer, &path).await?;
        assert_eq!((&record["status"], &record["output"]), (&json!("SUCCEEDED"), &json!({"say": 7})));
        let steps = viewer.get(&format!("{path}/steps")).await?.list();
        assert_eq!(steps.iter().map(|step| &step["name"]).collect::<Vec<_>>(), [&json!("say")]);
        // The last lines are stored some tenths of a second after the end of the run.
        let observe = async || Ok(viewer.get(&format!("{path}/logs?step=say&stream=STDOUT")).await?.list());
        let has_lines = |lines: &Vec<Value>| lines.iter().map(|line| &line["line"]).eq([&json!(n)]);
        wait::until("its lines are stored", DEADLINE, observe, has_lines).await?;
    }
    Ok(())
}

/// Waits until the API returns a run, and returns its body.
async fn wait_for_run(client: &ApiClient, path: &str) -> anyhow::Result<Value> {
    let observe = async || Ok(client.get(path).await?);
    Ok(wait::until("the API returns the run", DEADLINE, observe, |response| response.status == 200)
        .await?
        .body)
}
