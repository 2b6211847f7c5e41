//! Finished runs are kept.

use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// The operator retires a run that nobody stored, or the record goes with the object.
#[tokio::test]
async fn a_finished_run_is_marked_once_it_is_stored_and_outlives_its_object() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.run("invoices", "done").await?;
    tenant.finish("done", "Failed").await?;
    let marked = async || {
        let conditions = tenant.runs.get("done").await?.status.unwrap_or_default().conditions;
        Ok(crds::conditions::is_true(&conditions, crds::conditions::ARCHIVED))
    };
    until("the run is marked", DEADLINE, marked, |marked| *marked).await?;
    tenant.delete_run("done").await?;
    let runs = async || database.runs(&tenant.slug).await;
    let kept = [("done".to_owned(), "FAILED".to_owned(), false)];
    until("the record is kept", DEADLINE, runs, |runs| *runs == kept).await?;
    running.stop().await
}
