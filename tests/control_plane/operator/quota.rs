//! Limits of the plan on the number of a tenant's runs and workflows.

use std::time::Duration;

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{Api, api::DeleteParams};
use serde_json::json;
use tests::{neighbour::Neighbour, wait};

use super::{DEADLINE, fixture::Fixture, objects};

/// Ten times the interval at which the quota controller looks for new CustomResourceDefinitions.
const COUNTS_DEADLINE: Duration = Duration::from_secs(300);

/// The API server refuses a run and a workflow beyond the limits of the plan before it stores them, and accepts one again
/// when another is deleted. Another tenant's run finishes beside it.
#[tokio::test]
async fn the_plan_limits_the_number_of_runs_and_workflows() -> anyhow::Result<()> {
    let plan = objects::with(objects::plan(), "limits", json!({"storedRuns": 2, "workflows": 1}));
    let fixture = Fixture::with_workflow("limits", plan).await?;
    let neighbour = Neighbour::create().await?;
    wait_until_counted(&fixture).await?;
    for name in ["first", "second"] {
        fixture.run(name, json!({"quantity": 1})).await?;
    }
    let refused = fixture.run("third", json!({"quantity": 1})).await.unwrap_err().to_string();
    assert!(refused.contains("exceeded quota") && refused.contains("count/workflowruns"), "{refused}");
    let workflow = objects::create(&fixture.workflows, "Workflow", "other", objects::intake()).await;
    let refused = workflow.unwrap_err().to_string();
    assert!(refused.contains("exceeded quota") && refused.contains("count/workflows"), "{refused}");
    neighbour.finish_run_without_node().await?;
    fixture.runs.delete("first", &DeleteParams::default()).await?;
    let create = async || Ok(fixture.run("third", json!({"quantity": 1})).await.is_ok());
    wait::until("a run is accepted again", DEADLINE, create, |accepted| *accepted).await?;
    Ok(())
}

/// Waits until the quota of the tenant limits the number of objects.
async fn wait_until_counted(fixture: &Fixture) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let quota = async || Ok(quotas.get(crds::names::RESOURCE_QUOTA).await?.status.unwrap_or_default());
    wait::until("runs are counted", COUNTS_DEADLINE, quota, |status| {
        let hard = status.hard.clone().unwrap_or_default();
        [crds::names::RUN_COUNT, crds::names::WORKFLOW_COUNT].iter().all(|name| hard.contains_key(*name))
    })
    .await?;
    Ok(())
}
