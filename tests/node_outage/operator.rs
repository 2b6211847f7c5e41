//! The operator is away while runs are under way.

use anyhow::Context as _;
use crds::{
    WorkflowRun, WorkflowRunStatus,
    run::{RunPhase, StepPhase, StepStatus},
};
use k8s_openapi::api::batch::v1::Job;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::{
    namespace::{DEADLINE, Namespace},
    wait::until,
};

use super::product::Component;

/// Each step says which execution of it this was; the second is long enough for a process to be killed in it.
const SPEC: &str = r#"
    runners: {isolation: PerRun}
    steps:
    - name: first
      python: {code: "import uuid\ndef run(input, ctx): return str(uuid.uuid4())"}
    - name: second
      needs: [first]
      python: {code: "import time, uuid\ndef run(input, ctx):\n  time.sleep(3)\n  return str(uuid.uuid4())"}
    - name: third
      needs: [second]
      python: {code: "def run(input, ctx): return input['first']", preload: []}
      with: {first: "${{ steps.first.output }}"}"#;

const ASKS: &str = r#"
    steps:
    - {name: before, expr: {value: 1}}
    - {name: ok, needs: [before], approval: {message: "go on?"}}"#;

const CALLS: &str = "
    steps:
    - {name: call, workflow: {name: $ASKS}}";

/// An operator that dies takes runs with it, repeats what was done, or forgets those that nobody had admitted yet.
#[tokio::test]
async fn runs_survive_a_killed_operator() -> anyhow::Result<()> {
    let operator = Component::alone("operator").await?;
    let (acme, runs) = two_runs().await?;
    let before = operator.restarts().await?;
    operator.kill().await?;
    assert_each_step_ran_once(&acme, &runs).await?;
    let look = async || operator.restarts().await;
    until("the operator is back", DEADLINE, look, |restarts| *restarts > before).await?;
    operator.wait_up().await
}

/// An operator whose machine is gone takes runs with it.
#[tokio::test]
async fn runs_survive_an_operator_that_is_replaced() -> anyhow::Result<()> {
    let operator = Component::alone("operator").await?;
    let (acme, runs) = two_runs().await?;
    operator.lose().await?;
    assert_each_step_ran_once(&acme, &runs).await
}

/// Runs that wait when the operator dies wait for ever, or do again what they had done.
#[tokio::test]
async fn suspended_runs_go_on_after_a_killed_operator() -> anyhow::Result<()> {
    let operator = Component::alone("operator").await?;
    let acme = Namespace::of("acme").await?;
    let asks = acme.workflow("asks", ASKS).await?.name_any();
    let calls = acme.workflow("calls", &CALLS.replace("$ASKS", &asks)).await?.name_any();
    // One waits for a person; one for another that waits for a person.
    let (asking, calling) = (acme.start(&asks, json!({})).await?, acme.start(&calls, json!({})).await?);
    let is_suspended = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Suspended);
    acme.until(&asking, "it waits", is_suspended).await?;
    let waits = acme.until(&calling, "it waits", is_suspended).await?;
    let called = waits.steps.iter().find_map(|step| step.waiting.as_ref()?.run.clone());
    let called = acme.runs().get(&called.context("it waits for a run")?).await?;
    acme.until(&called, "it waits", is_suspended).await?;

    let before = operator.restarts().await?;
    operator.kill().await?;
    for run in [&asking, &called] {
        let decision =
            json!({"spec": {"decisions": [{"key": "ok", "approved": true, "by": "smb-kube-admin"}]}});
        acme.runs().patch(&run.name_any(), &PatchParams::default(), &Patch::Merge(decision)).await?;
    }
    for run in [&asking, &called, &calling] {
        let status = acme.end(run).await?;
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
        assert!(status.steps.iter().all(|step| step.attempt == Some(1)), "{status:#?}");
    }
    let look = async || operator.restarts().await;
    until("the operator is back", DEADLINE, look, |restarts| *restarts > before).await?;
    operator.wait_up().await
}

/// Two runs: one in its second step, and one that was created a moment ago.
async fn two_runs() -> anyhow::Result<(Namespace, [WorkflowRun; 2])> {
    let acme = Namespace::of("acme").await?;
    let workflow = acme.workflow("outage", SPEC).await?.name_any();
    let running = acme.start(&workflow, json!({})).await?;
    let in_second_step = |status: &WorkflowRunStatus| {
        status.steps.iter().any(|step| step.name == "second" && step.phase == StepPhase::Running)
    };
    acme.until(&running, "its second step runs", in_second_step).await?;
    let new = acme.start(&workflow, json!({})).await?;
    Ok((acme, [running, new]))
}

async fn assert_each_step_ran_once(acme: &Namespace, runs: &[WorkflowRun]) -> anyhow::Result<()> {
    for run in runs {
        let status = acme.end(run).await?;
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
        let attempts: Vec<_> = status.steps.iter().map(|step| step.attempt).collect();
        assert_eq!(attempts, [Some(1); 3], "{status:#?}");
        let output = |step: Option<&StepStatus>| step.and_then(|step| step.output.clone());
        let (first, third) = (output(status.steps.first()), output(status.steps.last()));
        assert_eq!(first, third, "the first step ran again");
        let lost = status.runner.and_then(|runner| runner.lost).map_or(0, |lost| lost.count);
        assert_eq!(lost, 0, "a pod was given up");
        let of_run = ListParams::default().labels(&format!("smbcopilot.dev/run={}", run.name_any()));
        let jobs = Api::<Job>::namespaced(acme.client.clone(), &acme.name).list(&of_run).await?;
        assert!(jobs.items.len() <= 1, "a second pod was started for it: {:#?}", jobs.items);
    }
    Ok(())
}
