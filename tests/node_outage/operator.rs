//! Outages of the operator during runs.

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
    tenant_namespace::{DEADLINE, TenantNamespace},
    wait::until,
};

use super::product::Component;

/// Each step returns an ID of its execution; the second one takes long enough for a process to be killed
/// meanwhile.
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

const APPROVAL_WORKFLOW: &str = r#"
    steps:
    - {name: before, expr: {value: 1}}
    - {name: ok, needs: [before], approval: {message: "go on?"}}"#;

const PARENT_WORKFLOW: &str = "
    steps:
    - {name: call, workflow: {name: $ASKS}}";

/// Runs, also those that are not admitted yet, succeed with one execution per step although the operator is
/// killed.
#[tokio::test]
async fn runs_survive_a_killed_operator() -> anyhow::Result<()> {
    let operator = Component::exclusive("operator").await?;
    let (acme, runs) = two_runs().await?;
    let before = operator.restarts().await?;
    operator.kill().await?;
    assert_each_step_ran_once(&acme, &runs).await?;
    let observe = async || operator.restarts().await;
    until("the operator was restarted", DEADLINE, observe, |restarts| *restarts > before).await?;
    operator.wait_until_ready().await
}

/// Runs succeed with one execution per step although the pod of the operator is lost and replaced.
#[tokio::test]
async fn runs_survive_a_replaced_operator() -> anyhow::Result<()> {
    let operator = Component::exclusive("operator").await?;
    let (acme, runs) = two_runs().await?;
    operator.delete_pods_now().await?;
    assert_each_step_ran_once(&acme, &runs).await
}

/// Suspended runs continue after the operator was killed, without repeating completed steps.
#[tokio::test]
async fn suspended_runs_continue_after_a_killed_operator() -> anyhow::Result<()> {
    let operator = Component::exclusive("operator").await?;
    let acme = TenantNamespace::for_tenant("acme").await?;
    let asks = acme.apply_workflow("asks", APPROVAL_WORKFLOW).await?.name_any();
    let calls = acme.apply_workflow("calls", &PARENT_WORKFLOW.replace("$ASKS", &asks)).await?.name_any();
    // One run waits for an approval, and one for a sub-run that waits for an approval.
    let (asking, calling) = (acme.start(&asks, json!({})).await?, acme.start(&calls, json!({})).await?);
    let is_suspended = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Suspended);
    acme.wait_until(&asking, "it is suspended", is_suspended).await?;
    let waits = acme.wait_until(&calling, "it is suspended", is_suspended).await?;
    let called = waits.steps.iter().find_map(|step| step.waiting.as_ref()?.run.clone());
    let called = acme.runs().get(&called.context("the run does not wait for a sub-run")?).await?;
    acme.wait_until(&called, "it is suspended", is_suspended).await?;

    let before = operator.restarts().await?;
    operator.kill().await?;
    for run in [&asking, &called] {
        let decision =
            json!({"spec": {"decisions": [{"key": "ok", "approved": true, "by": "smb-kube-admin"}]}});
        acme.runs().patch(&run.name_any(), &PatchParams::default(), &Patch::Merge(decision)).await?;
    }
    for run in [&asking, &called, &calling] {
        let status = acme.wait_for_end(run).await?;
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
        assert!(status.steps.iter().all(|step| step.attempt == Some(1)), "{status:#?}");
    }
    let observe = async || operator.restarts().await;
    until("the operator was restarted", DEADLINE, observe, |restarts| *restarts > before).await?;
    operator.wait_until_ready().await
}

/// Starts two runs: one that is in its second step, and one that was just created.
async fn two_runs() -> anyhow::Result<(TenantNamespace, [WorkflowRun; 2])> {
    let acme = TenantNamespace::for_tenant("acme").await?;
    let workflow = acme.apply_workflow("outage", SPEC).await?.name_any();
    let running = acme.start(&workflow, json!({})).await?;
    let in_second_step = |status: &WorkflowRunStatus| {
        status.steps.iter().any(|step| step.name == "second" && step.phase == StepPhase::Running)
    };
    acme.wait_until(&running, "its second step runs", in_second_step).await?;
    let new = acme.start(&workflow, json!({})).await?;
    Ok((acme, [running, new]))
}

async fn assert_each_step_ran_once(acme: &TenantNamespace, runs: &[WorkflowRun]) -> anyhow::Result<()> {
    for run in runs {
        let status = acme.wait_for_end(run).await?;
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
        let attempts: Vec<_> = status.steps.iter().map(|step| step.attempt).collect();
        assert_eq!(attempts, [Some(1); 3], "{status:#?}");
        let output = |step: Option<&StepStatus>| step.and_then(|step| step.output.clone());
        let (first, third) = (output(status.steps.first()), output(status.steps.last()));
        assert_eq!(first, third, "the first step was executed again");
        let lost = status.runner.and_then(|runner| runner.lost).map_or(0, |lost| lost.count);
        assert_eq!(lost, 0, "a pod was treated as lost");
        let run_selector = ListParams::default().labels(&format!("smbcopilot.dev/run={}", run.name_any()));
        let jobs = Api::<Job>::namespaced(acme.client.clone(), &acme.name).list(&run_selector).await?;
        assert!(jobs.items.len() <= 1, "a second pod was started for the run: {:#?}", jobs.items);
    }
    Ok(())
}
