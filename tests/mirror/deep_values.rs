//! Values that one tenant can store in Kubernetes never stop the mirror for other tenants.

use kube::api::PostParams;
use serde_json::json;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// Nesting depth of the value: more than the JSON libraries of this product parse by default, and far less
/// than the Kubernetes API server stores.
const DEPTH: usize = 300;

/// A run with a deeply nested input is mirrored, and so are the runs of other tenants, also after a restart.
#[tokio::test]
async fn a_deeply_nested_value_does_not_stop_the_mirror() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, nested) = (Database::create().await?, TestTenant::create(&client).await?);
    let other = TestTenant::create(&client).await?;
    let running = database.start(&client).await?;
    let input = (0..DEPTH).fold(json!("deep"), |inner, _| json!([inner]));
    let spec = json!({"workflowRef": {"name": "invoices"}, "input": {"beside": 1, "x": input}});
    let run = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
                     "metadata": {"name": "deep"}, "spec": spec});
    nested.runs.create(&PostParams::default(), &serde_json::from_value(run)?).await?;

    other.run("invoices", "after").await?;
    let runs = async || database.runs(&other.slug).await;
    until("another run is mirrored", DEADLINE, runs, |runs| runs.len() == 1).await?;
    let deep = async || database.runs(&nested.slug).await;
    until("the nested run is mirrored", DEADLINE, deep, |runs| runs.len() == 1).await?;
    running.stop().await?;

    database.truncate().await?;
    let running = database.start(&client).await?;
    assert_eq!((runs().await?.len(), deep().await?.len()), (1, 1));
    nested.delete_run("deep").await?;
    let record = [("deep".to_owned(), "CANCELLED".to_owned(), false)];
    until("the run has ended", DEADLINE, deep, |runs| *runs == record).await?;
    running.stop().await
}
