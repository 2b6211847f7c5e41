//! Memory of the operator beside a tenant with large runs.

use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use tests::{neighbour::Neighbour, wait};

use super::{DEADLINE, fixture::Fixture, objects, process};

/// Maximum memory of the operator in bytes, clearly below the 256 MiB of the chart, which some 40 whole runs would take.
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
    // 250 KB of text, and 125,000 values once it is decoded.
    let input = json!({"quantity": 1, "zeros": vec![0; 125_000]});
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
