//! Runs that end by success, failure, timeout or cancellation.

use crds::run::{RunPhase, StepPhase};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{LogParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::fixture::{DEADLINE, Fixture, error, is_running, step};

/// A Python exception is reported with its type, message and traceback.
#[tokio::test]
async fn an_exception_is_reported_with_its_type_and_traceback() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        steps:
        - name: total
          python:
            code: |
              def run(input, ctx):
                  prices = {'BR-101': 489}
                  return prices['BR-999']
        - {name: after, needs: [total], expr: {value: 1}}";
    let status = fixture.run("exception", spec, json!({})).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed));
    assert_eq!(error(&status)?, ("User/PYTHON_EXCEPTION".to_owned(), "KeyError: 'BR-999'".to_owned()));
    let details = step(&status, "total").error.and_then(|error| error.details).unwrap_or_default();
    assert!(details["traceback"].to_string().contains("line 3, in run"), "{details}");
    assert_eq!(step(&status, "after").phase, StepPhase::Skipped);
    Ok(())
}

/// A step that runs out of memory fails with an error that says so.
#[tokio::test]
async fn a_step_that_runs_out_of_memory_fails_with_that_reason() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        steps:
        - name: greedy
          python:
            resources: {memory: 64Mi}
            code: |
              def run(input, ctx):
                  held = []
                  while True: held.append(bytearray(8 << 20))";
    let status = fixture.run("oom", spec, json!({})).await?;
    assert_eq!(error(&status)?.0, "User/OOM_KILLED", "{status:#?}");
    assert_eq!(step(&status, "greedy").attempt, Some(1));
    Ok(())
}

/// `kubectl logs` shows the lines of a step while it runs, with the name of the step.
#[tokio::test]
async fn lines_of_a_running_step_are_in_the_log_of_the_pod() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        steps:
        - name: talk
          python: {code: \"import time\\ndef run(input, ctx):\\n  print('grüße')\\n  time.sleep(600)\"}";
    let workflow = fixture.apply_workflow("logs", spec).await?;
    let run = fixture.start(&workflow, json!({})).await?;
    let status = fixture.wait_until(&run, "its step runs", is_running("talk", 1)).await?;
    let pod = status.runner.and_then(|runner| runner.pod).unwrap_or_default();
    let pods = Api::<Pod>::namespaced(fixture.client.clone(), &fixture.namespace);
    let runner_container = LogParams { container: Some("runner".to_owned()), ..LogParams::default() };
    // The kubelet serves no log before the container is running.
    let observe = async || Ok(pods.logs(&pod, &runner_container).await.unwrap_or_default());
    let log = wait::until("the line is in the log", DEADLINE, observe, |log| log.contains("grüße")).await?;
    let line = log.lines().find(|line| line.contains("grüße")).unwrap_or_default();
    let line: Value = serde_json::from_str(line)?;
    assert_eq!((&line["run"], &line["step"], &line["attempt"]), (&json!(run), &json!("talk"), &json!(1)));
    assert_eq!((&line["stream"], &line["line"]), (&json!("stdout"), &json!("grüße")));
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    fixture.runs().patch(&run, &PatchParams::default(), &cancel).await?;
    fixture.wait_for_end(&run).await?;
    Ok(())
}

/// A request that fails twice succeeds at the third attempt, with the same idempotency key.
#[tokio::test]
async fn an_http_500_succeeds_on_the_third_attempt() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        steps:
        - name: call
          retry: {attempts: 3, kinds: [User], when: \"error.code == 'HTTP_500'\", backoff: {initial: 100ms}}
          http: {url: 'http://${{ tenant.settings.host }}:8080/'}
        output: '${{ steps.call.output.body }}'";
    let status = fixture.run("heals", spec, json!({})).await?;
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    assert_eq!(step(&status, "call").attempt, Some(3));
    // The API server preserves nulls in outputs.
    assert_eq!(status.output, Some(json!({"calls": 3, "nothing": null})));
    Ok(())
}

/// A request to a host that the plan does not permit is denied.
#[tokio::test]
async fn a_request_to_another_host_is_denied() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    for url in
        ["http://169.254.169.254/", "https://kubernetes.default.svc.cluster.local/", "http://127.0.0.1:1/"]
    {
        let spec = format!("steps: [{{name: call, http: {{url: '{url}'}}}}]");
        let status = fixture.run("denied", &spec, json!({})).await?;
        assert_eq!(error(&status)?.0, "Policy/EGRESS_DENIED", "{url}: {status:#?}");
    }
    Ok(())
}

/// A step that exceeds its timeout is killed.
#[tokio::test]
async fn a_step_beyond_its_timeout_is_killed() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        steps:
        - name: hang
          timeout: 1s
          python: {code: \"def run(input, ctx):\\n  while True: pass\"}";
    let status = fixture.run("timeout", spec, json!({})).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed));
    assert_eq!(error(&status)?.0, "Timeout/STEP_TIMEOUT");
    Ok(())
}

/// A run that is cancelled with `Now` ends although a step is running.
#[tokio::test]
async fn cancel_now_ends_a_running_step() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        steps:
        - name: sleep
          python: {code: \"import time\\ndef run(input, ctx): time.sleep(600)\"}";
    let workflow = fixture.apply_workflow("cancel", spec).await?;
    let run = fixture.start(&workflow, json!({})).await?;
    fixture.wait_until(&run, "its step runs", is_running("sleep", 1)).await?;
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    fixture.runs().patch(&run, &PatchParams::default(), &cancel).await?;
    let status = fixture.wait_for_end(&run).await?;
    assert_eq!(status.phase, Some(RunPhase::Cancelled));
    assert_eq!(step(&status, "sleep").phase, StepPhase::Cancelled);
    Ok(())
}
