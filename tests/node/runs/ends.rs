//! Runs that end by themselves, by time or by request.

use crds::run::{RunPhase, StepPhase};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{LogParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::world::{DEADLINE, World, error, is_running, step};

/// An author sees that a step failed, but neither why nor where.
#[tokio::test]
async fn an_exception_is_told_with_its_type_and_traceback() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let spec = "
        steps:
        - name: total
          python:
            code: |
              def run(input, ctx):
                  prices = {'BR-101': 489}
                  return prices['BR-999']
        - {name: after, needs: [total], expr: {value: 1}}";
    let status = world.run("exception", spec, json!({})).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed));
    assert_eq!(error(&status)?, ("User/PYTHON_EXCEPTION".to_owned(), "KeyError: 'BR-999'".to_owned()));
    let details = step(&status, "total").error.and_then(|error| error.details).unwrap_or_default();
    assert!(details["traceback"].to_string().contains("line 3, in run"), "{details}");
    assert_eq!(step(&status, "after").phase, StepPhase::Skipped);
    Ok(())
}

/// A step that needs too much memory takes its host along, is tried again for ever, or is told as a mere signal.
#[tokio::test]
async fn a_step_that_runs_out_of_memory_says_so() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let spec = "
        steps:
        - name: greedy
          python:
            resources: {memory: 64Mi}
            code: |
              def run(input, ctx):
                  held = []
                  while True: held.append(bytearray(8 << 20))";
    let status = world.run("oom", spec, json!({})).await?;
    assert_eq!(error(&status)?.0, "User/OOM_KILLED", "{status:#?}");
    assert_eq!(step(&status, "greedy").attempt, Some(1));
    Ok(())
}

/// `kubectl logs` does not show what a step says while it runs, or not whose words they are.
#[tokio::test]
async fn a_running_steps_lines_are_in_the_pods_log() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let spec = "
        steps:
        - name: talk
          python: {code: \"import time\\ndef run(input, ctx):\\n  print('grüße')\\n  time.sleep(600)\"}";
    let workflow = world.workflow("logs", spec).await?;
    let run = world.start(&workflow, json!({})).await?;
    let status = world.until(&run, "its step runs", is_running("talk", 1)).await?;
    let pod = status.runner.and_then(|runner| runner.pod).unwrap_or_default();
    let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace);
    let of_runner = LogParams { container: Some("runner".to_owned()), ..LogParams::default() };
    // The kubelet serves no log before the container runs.
    let look = async || Ok(pods.logs(&pod, &of_runner).await.unwrap_or_default());
    let log = wait::until("the line", DEADLINE, look, |log| log.contains("grüße")).await?;
    let line = log.lines().find(|line| line.contains("grüße")).unwrap_or_default();
    let line: Value = serde_json::from_str(line)?;
    assert_eq!((&line["run"], &line["step"], &line["attempt"]), (&json!(run), &json!("talk"), &json!(1)));
    assert_eq!((&line["stream"], &line["line"]), (&json!("stdout"), &json!("grüße")));
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    world.runs().patch(&run, &PatchParams::default(), &cancel).await?;
    world.end(&run).await?;
    Ok(())
}

/// A service that is down for a moment fails the run, or is called under another key each time.
#[tokio::test]
async fn an_http_500_heals_on_the_third_try() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let spec = "
        steps:
        - name: call
          retry: {attempts: 3, 'on': [User], when: \"error.code == 'HTTP_500'\", backoff: {initial: 100ms}}
          http: {url: 'http://${{ tenant.settings.host }}:8080/'}
        output: '${{ steps.call.output.body }}'";
    let status = world.run("heals", spec, json!({})).await?;
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    assert_eq!(step(&status, "call").attempt, Some(3));
    // Nulls in outputs survive the way through the API server.
    assert_eq!(status.output, Some(json!({"calls": 3, "nothing": null})));
    Ok(())
}

/// A tenant's run reaches what its plan does not name.
#[tokio::test]
async fn a_request_elsewhere_is_denied_by_policy() -> anyhow::Result<()> {
    let world = World::enter().await?;
    for url in
        ["http://169.254.169.254/", "https://kubernetes.default.svc.cluster.local/", "http://127.0.0.1:1/"]
    {
        let spec = format!("steps: [{{name: call, http: {{url: '{url}'}}}}]");
        let status = world.run("denied", &spec, json!({})).await?;
        assert_eq!(error(&status)?.0, "Policy/EGRESS_DENIED", "{url}: {status:#?}");
    }
    Ok(())
}

/// A step that hangs holds its run, its pod and its quota for ever.
#[tokio::test]
async fn a_step_beyond_its_time_is_killed() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let spec = "
        steps:
        - name: hang
          timeout: 1s
          python: {code: \"def run(input, ctx):\\n  while True: pass\"}";
    let status = world.run("timeout", spec, json!({})).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed));
    assert_eq!(error(&status)?.0, "Timeout/STEP_TIMEOUT");
    Ok(())
}

/// A run that was started by mistake cannot be stopped.
#[tokio::test]
async fn cancel_now_ends_a_running_step() -> anyhow::Result<()> {
    let world = World::enter().await?;
    let spec = "
        steps:
        - name: sleep
          python: {code: \"import time\\ndef run(input, ctx): time.sleep(600)\"}";
    let workflow = world.workflow("cancel", spec).await?;
    let run = world.start(&workflow, json!({})).await?;
    world.until(&run, "its step runs", is_running("sleep", 1)).await?;
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    world.runs().patch(&run, &PatchParams::default(), &cancel).await?;
    let status = world.end(&run).await?;
    assert_eq!(status.phase, Some(RunPhase::Cancelled));
    assert_eq!(step(&status, "sleep").phase, StepPhase::Cancelled);
    Ok(())
}
