//! The workflows that people start from: each run of `examples/runs`, with what it must give.

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
use tests::{cluster, namespace::Namespace, wait};

use super::kubectl::create;

/// Ten times what the slowest takes, beside all other tests.
const DEADLINE: Duration = Duration::from_secs(120);

/// Money leaves before anybody has agreed, or not even then.
#[tokio::test]
async fn a_payment_waits_for_its_approval() -> anyhow::Result<()> {
    let (runs, name) = start("payment-approval").await?;
    let waits = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Suspended);
    let status = until(&runs, &name, "its approval is waited for", waits).await?;
    assert_eq!(phase(&status, "pay"), StepPhase::Pending);
    assert!(status.runner.is_none(), "it holds a pod: {status:#?}");
    let anna = "anna@acme.example";
    let decision = json!({"key": "agree", "approved": true, "by": anna, "input": {"note": "fine"}});
    let patch = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
    let client = cluster::client_as(anna, &["system:authenticated"]).await?;
    let of_anna = Api::<WorkflowRun>::namespaced(client, "t-acme");
    of_anna.patch(&name, &PatchParams::default(), &patch).await?;
    let status = end(&runs, &name).await?;
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    assert!(output(&status, "/payment").as_str().is_some_and(|id| id.starts_with("P-")), "{status:#?}");
    Ok(())
}

/// The report that is to be there in the morning is not.
#[tokio::test]
async fn the_report_adds_up_and_is_scheduled() -> anyhow::Result<()> {
    let (runs, name) = start("nightly-report").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/total"), json!(14_195));
    assert_eq!(output(&status, "/best/0"), json!({"customer": "Café Blümchen", "amountMinor": 6_205}));
    let workflows = Namespace::of("acme").await?.workflows();
    let look = async || Ok(workflows.get("nightly-report").await?.status.unwrap_or_default().next_run_at);
    wait::until("the next night is known", DEADLINE, look, Option::is_some).await?;
    Ok(())
}

/// One customer with a credit gets all others no statement.
#[tokio::test]
async fn each_customer_gets_a_statement_but_one() -> anyhow::Result<()> {
    let (runs, name) = start("customer-statements").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/failed"), json!(1));
    assert_eq!(output(&status, "/statements/0"), json!("1. Café Blümchen: 62.05"));
    assert_eq!(output(&status, "/statements").as_array().map(Vec::len), Some(3));
    Ok(())
}

/// Goods stay reserved for a customer whose card was refused, or are released although they are paid.
#[tokio::test]
async fn goods_are_released_only_if_they_are_not_paid() -> anyhow::Result<()> {
    let (runs, paid) = start("stock-reservation").await?;
    let mut refused = runs.get(&paid).await?;
    refused.metadata =
        kube::core::ObjectMeta { name: Some(cluster::unique("refused")), ..Default::default() };
    refused.spec.input = Some(json!({"sku": "KU-301", "amountMinor": 99_999_999}));
    refused.status = None;
    let refused = runs.create(&PostParams::default(), &refused).await?.metadata.name.unwrap_or_default();
    assert_eq!(phase(&succeeded(&runs, &paid).await?, "release"), StepPhase::Skipped);
    let status = end(&runs, &refused).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed), "{status:#?}");
    assert_eq!(status.error.as_ref().map(|error| error.code.as_str()), Some("HTTP_402"));
    assert_eq!(phase(&status, "release"), StepPhase::Succeeded);
    Ok(())
}

/// What two workflows share has to be written twice.
#[tokio::test]
async fn one_workflow_serves_two_calls() -> anyhow::Result<()> {
    let (runs, name) = start("offer").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/DE/0"), json!({"sku": "BR-101", "grossMinor": 523}));
    assert_eq!(output(&status, "/AT/0"), json!({"sku": "BR-101", "grossMinor": 537}));
    Ok(())
}

/// A tool that nobody wants to write anew in Python cannot be used.
#[tokio::test]
async fn a_tool_in_an_image_counts_orders() -> anyhow::Result<()> {
    let (runs, name) = start("orders-by-customer").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(status.output, Some(json!({"Kantine Nord": 2, "Blümchen": 1})));
    Ok(())
}

/// A customer is reminded before the term is over, or never.
#[tokio::test]
async fn a_customer_is_reminded_after_the_term() -> anyhow::Result<()> {
    let (runs, name) = start("payment-reminder").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/reminded"), json!(true));
    Ok(())
}

/// A result of some hundred kilobytes fails its run, or is lost on the way to the next step.
#[tokio::test]
async fn a_large_catalogue_goes_by_reference() -> anyhow::Result<()> {
    let (runs, name) = start("catalogue-export").await?;
    let status = succeeded(&runs, &name).await?;
    assert_eq!(output(&status, "/first"), json!("AR-00000"));
    assert_eq!(output(&status, "/articles"), json!(5_000));
    let catalogue = status.steps.iter().find(|step| step.name == "catalogue").cloned().unwrap_or_default();
    assert!(catalogue.output.is_none() && catalogue.output_ref.is_some(), "{catalogue:#?}");
    Ok(())
}

/// Creates the run of a file of `examples/runs`.
async fn start(file: &str) -> anyhow::Result<(Api<WorkflowRun>, String)> {
    let created = create(file).await?;
    let name = created.trim().rsplit('/').next().unwrap_or_default().to_owned();
    Ok((Namespace::of("acme").await?.runs(), name))
}

async fn until(
    runs: &Api<WorkflowRun>,
    name: &str,
    what: &str,
    holds: impl Fn(&WorkflowRunStatus) -> bool,
) -> anyhow::Result<WorkflowRunStatus> {
    let look = async || Ok(runs.get(name).await?.status.unwrap_or_default());
    wait::until(&format!("run {name}: {what}"), DEADLINE, look, holds).await
}

async fn end(runs: &Api<WorkflowRun>, name: &str) -> anyhow::Result<WorkflowRunStatus> {
    until(runs, name, "its end", |status| status.phase.is_some_and(RunPhase::is_final)).await
}

async fn succeeded(runs: &Api<WorkflowRun>, name: &str) -> anyhow::Result<WorkflowRunStatus> {
    let status = end(runs, name).await?;
    anyhow::ensure!(status.phase == Some(RunPhase::Succeeded), "run {name}: {status:#?}");
    Ok(status)
}

fn phase(status: &WorkflowRunStatus, step: &str) -> StepPhase {
    status.steps.iter().find(|status| status.name == step).map(|status| status.phase).unwrap_or_default()
}

fn output(status: &WorkflowRunStatus, pointer: &str) -> Value {
    status.output.as_ref().and_then(|output| output.pointer(pointer)).cloned().unwrap_or_default()
}
