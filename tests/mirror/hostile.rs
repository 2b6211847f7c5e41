//! What one tenant may store in Kubernetes does not stop the mirror for the others.

use kube::api::PostParams;
use serde_json::json;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// More than the JSON libraries of our programs read, and far less than the API server stores.
const LEVELS: usize = 300;

/// One run with a deeply nested input, and no tenant sees its runs any more: neither those that come, nor, after the next
/// start, those that were.
#[tokio::test]
async fn a_value_that_is_nested_too_deep_stops_nobody_else() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, hostile) = (Database::create().await?, TestTenant::create(&client).await?);
    let other = TestTenant::create(&client).await?;
    let running = database.start(&client).await?;
    let input = (0..LEVELS).fold(json!("deep"), |inner, _| json!([inner]));
    let spec = json!({"workflowRef": {"name": "invoices"}, "input": {"beside": 1, "x": input}});
    let run = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
                     "metadata": {"name": "deep"}, "spec": spec});
    hostile.runs.create(&PostParams::default(), &serde_json::from_value(run)?).await?;

    other.run("invoices", "after").await?;
    let runs = async || database.runs(&other.slug).await;
    until("another run is mirrored", DEADLINE, runs, |runs| runs.len() == 1).await?;
    let deep = async || database.runs(&hostile.slug).await;
    until("the run itself is mirrored", DEADLINE, deep, |runs| runs.len() == 1).await?;
    running.stop().await?;

    database.empty().await?;
    let running = database.start(&client).await?;
    assert_eq!((runs().await?.len(), deep().await?.len()), (1, 1));
    hostile.delete_run("deep").await?;
    until("it is gone", DEADLINE, deep, Vec::is_empty).await?;
    running.stop().await
}
