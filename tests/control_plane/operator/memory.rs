//! Memory of the operator beside a tenant with large runs, workflows or settings.

use anyhow::Context as _;
use crds::run::RunPhase;
use k8s_client::{
    Fields::{self, All, Only},
    Selection,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use tests::{cluster, neighbour::Neighbour, wait};

use super::{DEADLINE, fixture::Fixture, objects, process};

/// Maximum memory of the operator in bytes, clearly below the 320 MiB of the chart, which some 40 whole runs would take.
const MEMORY_LIMIT: u64 = 160 * 1024 * 1024;
/// Number of runs, half of which have finished. Each took some 5 MiB while the operator held whole objects; more would keep
/// the API server from serving the other tests, since its policies compare the inputs.
const RUNS: usize = 30;

/// A tenant's large runs, waiting and finished, fit into the memory of the operator, also when it lists them at its start,
/// and another tenant's run finishes beside them.
#[tokio::test]
async fn large_runs_fit_into_the_memory_of_the_operator_also_after_a_restart() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("large", plan).await?;
    let neighbour = Neighbour::create().await?;
    // Nearly as many bytes and values as an input may have.
    let input = json!({"quantity": 1, "numbers": vec![123_456_789_012_u64; 19_000]});
    for number in 0..RUNS {
        fixture.run(&format!("large-{number}"), input.clone()).await?;
    }
    wait_until_known(&fixture).await?;
    for number in 1..=RUNS / 2 {
        fixture.finish_run(&format!("large-{number}")).await?;
    }
    neighbour.finish_run_without_node().await?;
    let before = process::peak_memory().await?;
    let stopped = process::kill().await?;
    stopped.start(&fixture.client).await?;
    neighbour.finish_run_without_node().await?;
    let after = process::peak_memory().await?;
    assert!(before < MEMORY_LIMIT && after < MEMORY_LIMIT, "peaks of {before} and {after} bytes");
    delete_runs(&fixture).await
}

/// A workflow and a run of tiny objects, which take a hundred times their text once they are decoded, are refused with what to
/// change. They fit into the memory of the operator, also when it reads both after a restart, and another tenant's run finishes
/// beside them.
#[tokio::test]
async fn tiny_values_are_refused_before_they_take_memory_also_after_a_restart() -> anyhow::Result<()> {
    let fixture = read_without_values(Fixture::with_workflow("tiny", objects::plan()).await?).await?;
    let neighbour = Neighbour::create().await?;
    // 1.4 MB of text, and 140 MB once it is decoded. The API server needs seconds for each write of such an object, so there are
    // only two.
    let tiny = json!({"quantity": 1, "tiny": vec![json!({"": 0}); 200_000]});
    let workflow = objects::with(objects::intake(), "output", tiny.clone());
    objects::create(&fixture.workflows, "Workflow", "tiny", workflow).await?;
    let workflow = fixture.workflow_with_valid("tiny", "False").await?;
    let problems = workflow.status.map(|status| status.problems).unwrap_or_default();
    let problem = problems.first().context("the workflow has no problem")?;
    assert!(problem.code == "WorkflowTooLarge" && problem.message.contains("use fewer"), "{problem:?}");
    neighbour.finish_run_without_node().await?;
    let before = process::peak_memory().await?;

    let stopped = process::kill().await?;
    fixture.run("waiting", tiny).await?;
    stopped.start(&fixture.client).await?;
    neighbour.finish_run_without_node().await?;
    expect_refusal(&fixture, "waiting").await?;
    let after = process::peak_memory().await?;
    assert!(before < MEMORY_LIMIT && after < MEMORY_LIMIT, "peaks of {before} and {after} bytes");
    fixture.workflows.delete("tiny", &DeleteParams::default()).await?;
    delete_runs(&fixture).await
}

/// Settings of tiny values, which take a hundred times their text once they are decoded, reach the runners, and fit into the memory
/// of the operator, also when it lists them at its start. Another tenant's run finishes beside them.
#[tokio::test]
async fn settings_of_tiny_values_fit_into_the_memory_of_the_operator() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("settings", objects::plan()).await?;
    let neighbour = Neighbour::create().await?;
    // 960 KB of text, and 80 MB each time that it is decoded.
    let settings = json!({"tiny": vec![json!({"": 0}); 120_000]});
    fixture.patch_tenant(json!({"settings": settings})).await?;
    let config: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let text = settings.to_string();
    let applied =
        async || Ok(config.get("tenant").await?.data.is_some_and(|data| data.get("settings") == Some(&text)));
    wait::until("the settings are applied", DEADLINE, applied, |applied| *applied).await?;
    neighbour.finish_run_without_node().await?;
    let before = process::peak_memory().await?;
    process::kill().await?.start(&fixture.client).await?;
    neighbour.finish_run_without_node().await?;
    let after = process::peak_memory().await?;
    assert!(before < MEMORY_LIMIT && after < MEMORY_LIMIT, "peaks of {before} and {after} bytes");
    fixture.patch_tenant(json!({"settings": null})).await
}

/// Returns the fixture with a client that reads workflows and runs without inputs and outputs: decoding them for each observation
/// would take minutes, and keep the API server from serving the other tests.
async fn read_without_values(fixture: Fixture) -> anyhow::Result<Fixture> {
    const WITHOUT_VALUES: Fields = Only(&[("spec", Only(&[("workflowRef", All), ("steps", All)]))]);
    let selection: Selection =
        |path| matches!(path.resource, "workflows" | "workflowruns").then_some(WITHOUT_VALUES);
    let client = k8s_client::connect_selective(cluster::config().await?, selection, |_| ())?;
    let workflows = Api::namespaced(client.clone(), &fixture.namespace);
    let runs = Api::namespaced(client.clone(), &fixture.namespace);
    Ok(Fixture { client, workflows, runs, ..fixture })
}

/// Waits until the operator has refused the input of a run.
async fn expect_refusal(fixture: &Fixture, run: &str) -> anyhow::Result<()> {
    let status = fixture.run_until(run, "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    let error = status.error.context("the run has no error")?;
    assert!(error.code == "INPUT_TOO_LARGE" && error.message.contains("use fewer"), "{error:?}");
    Ok(())
}

/// Waits until the operator has decided about each run: one is assigned, and the others are queued.
async fn wait_until_known(fixture: &Fixture) -> anyhow::Result<()> {
    let undecided = async || {
        let selector = ListParams::default().fields("status.phase!=Queued").limit(500);
        Ok(fixture.runs.list_metadata(&selector).await?.items.len())
    };
    wait::until("the operator has decided about each run", DEADLINE, undecided, |count| *count == 0).await?;
    Ok(())
}

/// Deletes the runs, which the operators of other tests would list.
async fn delete_runs(fixture: &Fixture) -> anyhow::Result<()> {
    fixture.runs.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    Ok(())
}
