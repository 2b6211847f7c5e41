//! A run takes over outputs of one that only the record knows.

use serde_json::json;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// A rerun of a run that Kubernetes has forgotten begins from nothing, or waits until it is failed.
#[tokio::test]
async fn a_rerun_takes_over_from_a_run_whose_object_is_gone() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.workflow("invoices").await?;
    let earlier = tenant.run("invoices", "first").await?;
    tenant.finish("first", "Failed").await?;
    let marked = async || tenant.is_archived("first").await;
    until("the run is marked", DEADLINE, marked, |marked| *marked).await?;
    tenant.delete_run("first").await?;

    tenant.rerun("invoices", "again", "first").await?;

    let status = async || Ok(tenant.runs.get("again").await?.status.unwrap_or_default());
    let status = until("outputs are taken over", DEADLINE, status, |status| status.reused.is_some()).await?;
    let reused = serde_json::to_value(status.reused)?;
    assert_eq!(reused, json!({"uid": earlier.metadata.uid, "steps": 1}));
    let steps: Vec<_> = status.steps.iter().map(|step| (step.name.as_str(), step.output.clone())).collect();
    assert_eq!(steps, [("shape", Some(json!(12.5)))]);
    running.stop().await
}
