//! The sweep of a new operator over what was deleted while none was running.

use kube::api::DeleteParams;
use serde_json::json;

use super::{fixture::Fixture, objects, process, refused_deletions::RefusedDeletions};

/// A Job that cannot be deleted does not keep the sweep from the Jobs of other deleted runs.
#[tokio::test]
async fn a_job_that_cannot_be_deleted_does_not_stop_the_sweep() -> anyhow::Result<()> {
    // The sweep visits the namespaces in the order of their names.
    let first = Fixture::with_workflow("a-swept", objects::plan()).await?;
    let second = Fixture::with_workflow("b-swept", objects::plan()).await?;
    for fixture in [&first, &second] {
        fixture.run("order-7", json!({"quantity": 1})).await?;
        fixture.wait_until_assigned("order-7").await?;
    }
    let refused = RefusedDeletions::begin(&first, "order-7").await?;
    let stopped = process::kill().await?;
    for fixture in [&first, &second] {
        fixture.runs.delete("order-7", &DeleteParams::default()).await?;
    }
    stopped.start(&first.client).await?;
    second.wait_until_jobs_deleted("order-7").await?;
    assert_eq!(first.jobs_of("order-7").await?.len(), 1, "the Job could not be deleted");
    refused.end().await
}
