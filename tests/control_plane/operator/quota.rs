//! Quota of a tenant: its usage, and limits of the number of runs, workflows and Secrets.

use std::time::Duration;

use crds::Tenant;
use k8s_openapi::api::core::v1::{ResourceQuota, Secret};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;
use tests::{neighbour::Neighbour, wait};

use super::{DEADLINE, drift::notes, fixture::Fixture, objects, process};

/// Ten times the interval at which the quota controller looks for new CustomResourceDefinitions.
const COUNTS_DEADLINE: Duration = Duration::from_secs(300);

/// Objects that are created beyond a limit before the test fails.
const MAX_UNCOUNTED: usize = 10;

/// The API server refuses a run and a workflow beyond the limits of the plan before it stores them, and accepts one again
/// when another is deleted. Another tenant's run finishes beside it.
#[tokio::test]
async fn the_plan_limits_the_number_of_runs_and_workflows() -> anyhow::Result<()> {
    let plan = objects::with(objects::plan(), "limits", json!({"storedRuns": 2, "workflows": 1}));
    let fixture = Fixture::with_workflow("limits", plan).await?;
    let neighbour = Neighbour::create().await?;
    wait_until_counted(&fixture).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    let mut count = 0;
    let refused = create_until_refused(async || {
        count += 1;
        fixture.run(&format!("further-{count}"), json!({"quantity": 1})).await.map(drop)
    });
    let refused = refused.await?;
    assert!(refused.contains("exceeded quota") && refused.contains("count/workflowruns"), "{refused}");
    let refused = create_until_refused(async || {
        count += 1;
        let name = format!("other-{count}");
        objects::create(&fixture.workflows, "Workflow", &name, objects::intake()).await.map(drop)
    });
    let refused = refused.await?;
    assert!(refused.contains("exceeded quota") && refused.contains("count/workflows"), "{refused}");
    neighbour.finish_run_without_node().await?;
    fixture.runs.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    let create = async || Ok(fixture.run("last", json!({"quantity": 1})).await.is_ok());
    wait::until("a run is accepted again", DEADLINE, create, |accepted| *accepted).await?;
    Ok(())
}

/// The status shows the usage of the quota, and an Event says when it reaches 80 % and 100 %.
#[tokio::test]
async fn a_quota_that_is_used_up_is_reported() -> anyhow::Result<()> {
    // An operator that is killed between a status and its Event does not publish the Event.
    let _same = process::retain().await;
    let namespace = json!({"requests": {"cpu": "4", "memory": "8Gi"}, "pods": 5});
    let fixture =
        Fixture::with_workflow("used-up", objects::with(objects::plan(), "namespace", namespace)).await?;
    let used = async |pods: &str, reason: &str| {
        let used = |tenant: &Tenant| {
            let quota = tenant.status.as_ref().and_then(|status| status.quota.as_ref());
            quota.is_some_and(|quota| quota.used.get("pods").is_some_and(|used| used == pods))
        };
        fixture.tenant_until(&format!("has {pods} pods"), used).await?;
        let reported = async || notes(&fixture, reason).await;
        let text = format!("{pods} of 5 pods");
        wait::until(reason, DEADLINE, reported, |notes| notes.iter().any(|note| note.contains(&text))).await
    };
    for run in ["first", "second", "third", "fourth"] {
        fixture.run(run, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(run).await?;
    }
    used("4", "QuotaAlmostUsed").await?;
    fixture.run("fifth", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("fifth").await?;
    used("5", "QuotaExhausted").await.map(drop)
}

/// The API server refuses the Secrets of a tenant beyond a number, so that its administrator cannot fill etcd with them.
#[tokio::test]
async fn the_number_of_secrets_is_limited() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("secrets", objects::plan()).await?;
    wait_until_limited(&fixture, &[crds::names::SECRET_COUNT]).await?;
    let secrets: Api<Secret> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let create = async || {
        let secret = serde_json::from_value(json!({"metadata": {"generateName": "crm-"}}))?;
        k8s_client::create(&secrets, &PostParams::default(), &secret).await?;
        anyhow::Ok(())
    };
    for _ in 0..crds::constants::MAX_SECRETS {
        create().await?;
    }
    let refused = create_until_refused(create).await?;
    assert!(refused.contains("exceeded quota") && refused.contains("count/secrets"), "{refused}");
    Ok(())
}

/// Creates objects until one is refused, and returns the reason. Kubernetes counts with a short delay, so that it may accept a
/// few objects more than the limit.
async fn create_until_refused(mut create: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<String> {
    for _ in 0..MAX_UNCOUNTED {
        if let Err(refused) = create().await {
            return Ok(refused.to_string());
        }
    }
    anyhow::bail!("{MAX_UNCOUNTED} objects were created beyond the limit")
}

/// Waits until the quota of the tenant limits the number of runs and workflows.
async fn wait_until_counted(fixture: &Fixture) -> anyhow::Result<()> {
    wait_until_limited(fixture, &[crds::names::RUN_COUNT, crds::names::WORKFLOW_COUNT]).await
}

/// Waits until the quota of the tenant limits these resources.
async fn wait_until_limited(fixture: &Fixture, resources: &[&str]) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let quota = async || Ok(quotas.get(crds::names::RESOURCE_QUOTA).await?.status.unwrap_or_default());
    wait::until("objects are counted", COUNTS_DEADLINE, quota, |status| {
        let hard = status.hard.clone().unwrap_or_default();
        resources.iter().all(|name| hard.contains_key(*name))
    })
    .await?;
    Ok(())
}
