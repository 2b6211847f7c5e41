//! Runs that reuse steps of a deleted run.

use crds::run::QueueReason;
use serde_json::json;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// A rerun of a run that was deleted in Kubernetes reuses the steps of its record.
#[tokio::test]
async fn a_rerun_reuses_the_steps_of_a_deleted_run() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.workflow("invoices").await?;
    let earlier = tenant.run("invoices", "first").await?;
    tenant.finish("first", "Failed").await?;
    let archived = async || tenant.is_archived("first").await;
    until("the run is archived", DEADLINE, archived, |archived| *archived).await?;
    tenant.delete_run("first").await?;

    tenant.rerun("invoices", "again", "first").await?;

    let status = async || Ok(tenant.runs.get("again").await?.status.unwrap_or_default());
    let status = until("the steps are copied", DEADLINE, status, |status| status.reused.is_some()).await?;
    let reused = serde_json::to_value(status.reused)?;
    assert_eq!(reused, json!({"uid": earlier.metadata.uid, "steps": 1}));
    let steps: Vec<_> = status.steps.iter().map(|step| (step.name.as_str(), step.output.clone())).collect();
    assert_eq!(steps, [("shape", Some(json!(12.5)))]);
    running.stop().await
}

/// A rerun of a run that never existed is reported to the operator.
#[tokio::test]
async fn a_rerun_of_a_run_that_never_existed_is_reported() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.workflow("invoices").await?;
    tenant.rerun("invoices", "again", "never").await?;
    let reason = async || {
        let status = tenant.runs.get("again").await?.status.unwrap_or_default();
        Ok(status.queue.map(|queue| queue.reason))
    };
    let is_reported =
        |reason: &Option<String>| reason.as_deref() == Some(QueueReason::EarlierRunNotFound.as_str());
    until("the earlier run is reported as not found", DEADLINE, reason, is_reported).await?;
    running.stop().await
}
