//! The example workflows: each run in `examples/runs` and its expected result.

use std::time::Duration;

use crds::{
    WorkflowRun, WorkflowRunStatus,
    run::{RunPhase, StepPhase},
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{cluster, tenant_namespace::TenantNamespace, wait};

use super::kubectl::create;

/// Deadline of a wait: ten times the duration of the slowest run beside all other tests.
const DEADLINE: Duration = Duration::from_secs(120);

/// A payment is made after its approval and not before.
#[tokio::test]
async fn a_payment_waits_for_its_approval() -> anyhow::Result<()> {
    let (runs, name) = start("payment-approval").await?;
    let waits = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Suspended);
    let status = wait_until(&runs, &name, "it waits for its approval", waits).await?;
    assert_eq!(phase(&status, "pay"), StepPhase::Pending);
    assert!(status.runner.is_none(), "the run holds a pod: {status:#?}");
    let anna = "anna@acme.example";
    let decision = json!({"key": "agree", "approved": true, "by": anna, "input": {"note": "fine"}});
    let patch = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
    let client = cluster::client_as(anna, &["system:authenticated"]).await?;
    let runs_as_anna = Api::<WorkflowRun>::namespaced(client, "t-acme");
    runs_as_anna.patch(&name, &PatchParams::default(), &patch).await?;
    let status = wait_for_end(&runs, &name).await?;
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    assert!(output(&status, "/payment").as_str().is_some_and(|id| id.starts_with("P-")), "{status:#?}");
    Ok(())
}

/// The report has correct sums and is scheduled for every night.
#[tokio::test]
async fn the_report_is_correct_and_scheduled() -> anyhow::Result<()> {
    let (runs, name) = start("nightly-report").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/total"), json!(14_195));
    assert_eq!(output(&status, "/best/0"), json!({"customer": "Café Blümchen", "amountMinor": 6_205}));
    let workflows = TenantNamespace::for_tenant("acme").await?.workflows();
    let observe = async || Ok(workflows.get("nightly-report").await?.status.unwrap_or_default().next_run_at);
    wait::until("the next scheduled time is known", DEADLINE, observe, Option::is_some).await?;
    Ok(())
}

/// Every customer except one with a credit gets a statement.
#[tokio::test]
async fn every_customer_except_one_gets_a_statement() -> anyhow::Result<()> {
    let (runs, name) = start("customer-statements").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/failed"), json!(1));
    assert_eq!(output(&status, "/statements/0"), json!("1. Café Blümchen: 62.05"));
    assert_eq!(output(&status, "/statements").as_array().map(Vec::len), Some(3));
    Ok(())
}

/// Reserved goods are released if the payment fails, and only then.
#[tokio::test]
async fn goods_are_released_only_if_the_payment_fails() -> anyhow::Result<()> {
    let (runs, paid) = start("stock-reservation").await?;
    let mut refused = runs.get(&paid).await?;
    refused.metadata =
        kube::core::ObjectMeta { name: Some(cluster::unique("refused")), ..Default::default() };
    refused.spec.input = Some(json!({"sku": "KU-301", "amountMinor": 99_999_999}));
    refused.status = None;
    let refused =
        k8s_client::create(&runs, &PostParams::default(), &refused).await?.metadata.name.unwrap_or_default();
    assert_eq!(phase(&succeeded(&runs, &paid).await?, "release"), StepPhase::Skipped);
    let status = wait_for_end(&runs, &refused).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed), "{status:#?}");
    assert_eq!(status.error.as_ref().map(|error| error.code.as_str()), Some("HTTP_402"));
    assert_eq!(phase(&status, "release"), StepPhase::Succeeded);
    Ok(())
}

/// Two workflows can call the same sub-workflow.
#[tokio::test]
async fn one_workflow_is_called_twice() -> anyhow::Result<()> {
    let (runs, name) = start("offer").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/DE/0"), json!({"sku": "BR-101", "grossMinor": 523}));
    assert_eq!(output(&status, "/AT/0"), json!({"sku": "BR-101", "grossMinor": 537}));
    Ok(())
}

/// A container step executes an existing tool from an image.
#[tokio::test]
async fn a_container_step_counts_orders() -> anyhow::Result<()> {
    let (runs, name) = start("orders-by-customer").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(status.output, Some(json!({"Kantine Nord": 2, "Blümchen": 1})));
    Ok(())
}

/// A customer is reminded after the payment term.
#[tokio::test]
async fn a_customer_is_reminded_after_the_payment_term() -> anyhow::Result<()> {
    let (runs, name) = start("payment-reminder").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/reminded"), json!(true));
    Ok(())
}

/// An output of some hundred kilobytes is passed to the next step by reference.
#[tokio::test]
async fn a_large_catalogue_is_passed_by_reference() -> anyhow::Result<()> {
    let (runs, name) = start("catalogue-export").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/first"), json!("AR-00000"));
    assert_eq!(output(&status, "/articles"), json!(5_000));
    let catalogue = status.steps.iter().find(|step| step.name == "catalogue").cloned().unwrap_or_default();
    assert!(catalogue.output.is_none() && catalogue.output_ref.is_some(), "{catalogue:#?}");
    Ok(())
}

/// Creates the run of a file in `examples/runs`.
async fn start(file: &str) -> anyhow::Result<(Api<WorkflowRun>, String)> {
    let created = create(file).await?;
    let name = created.trim().rsplit('/').next().unwrap_or_default().to_owned();
    Ok((TenantNamespace::for_tenant("acme").await?.runs(), name))
}

async fn wait_until(
    runs: &Api<WorkflowRun>,
    name: &str,
    what: &str,
    condition: impl Fn(&WorkflowRunStatus) -> bool,
) -> anyhow::Result<WorkflowRunStatus> {
    let observe = async || Ok(runs.get(name).await?.status.unwrap_or_default());
    wait::until(&format!("run {name}: {what}"), DEADLINE, observe, condition).await
}

async fn wait_for_end(runs: &Api<WorkflowRun>, name: &str) -> anyhow::Result<WorkflowRunStatus> {
    wait_until(runs, name, "it has ended", |status| status.phase.is_some_and(RunPhase::is_final)).await
}

async fn succeeded(runs: &Api<WorkflowRun>, name: &str) -> anyhow::Result<WorkflowRunStatus> {
    let status = wait_for_end(runs, name).await?;
    anyhow::ensure!(status.phase == Some(RunPhase::Succeeded), "run {name}: {status:#?}");
    Ok(status)
}

fn phase(status: &WorkflowRunStatus, step: &str) -> StepPhase {
    status.steps.iter().find(|status| status.name == step).map(|status| status.phase).unwrap_or_default()
}

fn output(status: &WorkflowRunStatus, pointer: &str) -> Value {
    status.output.as_ref().and_then(|output| output.pointer(pointer)).cloned().unwrap_or_default()
}
