//! Suspension and archiving of tenants.

use crds::{Tenant, WorkflowRunStatus, names, run::RunPhase, tenant::TenantPhase};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{tenant_deletion::apply_status, wait};

use super::{
    DEADLINE,
    fixture::{Fixture, assigned_pod},
    objects, suspended,
};

/// Waits until the quota of the tenant allows this number of pods.
async fn wait_for_pods(fixture: &Fixture, pods: &str) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let hard = async || Ok(quotas.get(names::RESOURCE_QUOTA).await?.spec.and_then(|spec| spec.hard));
    wait::until(&format!("the quota allows {pods} pods"), DEADLINE, hard, |hard| {
        hard.as_ref().is_some_and(|hard| hard["pods"].0 == pods)
    })
    .await
    .map(drop)
}

fn status(tenant: &Tenant) -> crds::TenantStatus {
    tenant.status.clone().unwrap_or_default()
}

async fn wait_until_queued(fixture: &Fixture, run: &str) -> anyhow::Result<()> {
    let waits = |status: &WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "TenantNotActive")
    };
    fixture.run_until(run, "waits for its tenant", waits).await.map(drop)
}

async fn wait_until_cancelled(fixture: &Fixture, run: &str) -> anyhow::Result<()> {
    let cancelled = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Cancelled);
    let status = fixture.run_until(run, "is cancelled", cancelled).await?;
    assert_eq!(status.error.map(|error| error.code), Some("TENANT_SUSPENDED".to_owned()), "{run}");
    fixture.wait_until_jobs_deleted(run).await
}

/// A suspended tenant starts no run and lets running ones finish; then its quota allows no pods. When it is active again, the
/// runs that waited start.
#[tokio::test]
async fn a_suspended_tenant_drains_and_resumes() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("drain", objects::plan()).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.patch_tenant(json!({"state": "Suspended"})).await?;
    let message = fixture.tenant_with_reason("Ready", "Suspended").await?;
    assert!(message.contains("1 runs continue until they finish"), "{message}");
    fixture.run("second", json!({"quantity": 2})).await?;
    wait_until_queued(&fixture, "second").await?;
    wait_for_pods(&fixture, "20").await?;
    fixture.finish_run("first").await?;
    wait_for_pods(&fixture, "0").await?;
    fixture
        .tenant_until("has drained", |tenant| {
            let conditions = status(tenant).conditions;
            crds::conditions::get(&conditions, "Ready")
                .is_some_and(|ready| !ready.message.contains("continue"))
        })
        .await?;
    fixture.patch_tenant(json!({"state": "Active"})).await?;
    fixture.wait_until_assigned("second").await?;
    wait_for_pods(&fixture, "20").await
}

/// With `onSuspend: Cancel`, the runs of a suspended tenant are cancelled.
#[tokio::test]
async fn a_tenant_that_cancels_on_suspend_has_no_runs() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("cancels", objects::plan()).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.patch_tenant(json!({"state": "Suspended", "onSuspend": "Cancel"})).await?;
    wait_until_cancelled(&fixture, "first").await?;
    fixture.tenant_with_reason("Ready", "Suspended").await?;
    wait_for_pods(&fixture, "0").await
}

/// A tenant that is suspended again or edited stays suspended since the same time, and the edit takes effect.
#[tokio::test]
async fn a_suspended_tenant_can_be_edited() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("edited", objects::plan()).await?;
    fixture.patch_tenant(json!({"state": "Suspended"})).await?;
    fixture.tenant_with_reason("Ready", "Suspended").await?;
    let since = status(&fixture.tenants.get(&fixture.slug).await?).suspended_at;
    assert!(since.is_some());
    fixture.patch_tenant(json!({"state": "Suspended", "settings": {"vat": 7}})).await?;
    fixture.tenant_with_reason("Ready", "Suspended").await?;
    let config: Api<k8s_openapi::api::core::v1::ConfigMap> =
        Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let settings = async || Ok(config.get("tenant").await?.data.unwrap_or_default()["settings"].clone());
    wait::until("the settings are applied", DEADLINE, settings, |settings| settings == r#"{"vat":7}"#)
        .await?;
    assert_eq!(status(&fixture.tenants.get(&fixture.slug).await?).suspended_at, since);
    fixture.patch_tenant(json!({"state": null})).await?;
    fixture.tenant_with_reason("Ready", "Ready").await?;
    assert_eq!(status(&fixture.tenants.get(&fixture.slug).await?).suspended_at, None);
    Ok(())
}

/// A tenant that is resumed while it drains goes on with the same pods.
#[tokio::test]
async fn a_tenant_that_is_resumed_while_it_drains_goes_on() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("mid-drain", objects::plan()).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    let pod = fixture.wait_until_assigned("first").await?;
    fixture.patch_tenant(json!({"state": "Suspended"})).await?;
    fixture.tenant_with_reason("Ready", "Suspended").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    wait_until_queued(&fixture, "second").await?;
    fixture.patch_tenant(json!({"state": "Active"})).await?;
    fixture.wait_until_assigned("second").await?;
    assert_eq!(assigned_pod(&fixture.runs.get("first").await?.status.unwrap_or_default()), Some(pod));
    Ok(())
}

/// A run that waits for an approval and is cancelled in a suspended tenant still gets a pod, for its `onExit` steps.
#[tokio::test]
async fn a_waiting_run_of_a_suspended_tenant_can_be_cancelled() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("must-end", objects::plan()).await?;
    fixture.run("asks", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("asks").await?;
    let now = telemetry::clock::now().to_string();
    suspended::suspend(&fixture, "asks", suspended::approval(), json!({"suspendedAt": now})).await?;
    fixture.wait_until_jobs_deleted("asks").await?;
    fixture.patch_tenant(json!({"state": "Suspended"})).await?;
    wait_for_pods(&fixture, "0").await?;
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Graceful"}}));
    fixture.runs.patch("asks", &PatchParams::default(), &cancel).await?;
    fixture.wait_until_assigned("asks").await?;
    Ok(())
}

/// The schedules of a suspended tenant are paused, and continue when it is active again.
#[tokio::test]
async fn the_schedules_of_a_suspended_tenant_are_paused() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("paused", objects::plan()).await?;
    let schedules = json!([{"name": "nightly", "cron": "0 2 * * *", "input": {"quantity": 7}}]);
    let spec = objects::with(objects::intake(), "schedules", schedules);
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    let scheduled = async |holds: &'static str, reason: &'static str| {
        let found = async || Ok(fixture.workflows.get("intake").await?.status.unwrap_or_default().conditions);
        wait::until(&format!("Scheduled is {holds}"), DEADLINE, found, |conditions| {
            crds::conditions::get(conditions, "Scheduled")
                .is_some_and(|condition| condition.status == holds && condition.reason.contains(reason))
        })
        .await
    };
    scheduled("True", "").await?;
    fixture.patch_tenant(json!({"state": "Suspended"})).await?;
    scheduled("False", "TenantNotActive").await?;
    fixture.patch_tenant(json!({"state": "Active"})).await?;
    scheduled("True", "").await.map(drop)
}

/// An archived tenant has no unfinished runs, no Jobs and no pods, keeps its workflows, and cannot be changed. It is restored by
/// setting its state back.
#[tokio::test]
async fn an_archived_tenant_keeps_its_workflows_only_and_can_be_restored() -> anyhow::Result<()> {
    let limits = json!({"concurrentRuns": 1});
    let fixture =
        Fixture::with_workflow("archived", objects::with(objects::plan(), "limits", limits)).await?;
    fixture.run("asks", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("asks").await?;
    let now = telemetry::clock::now().to_string();
    suspended::suspend(&fixture, "asks", suspended::approval(), json!({"suspendedAt": now})).await?;
    fixture.run("runs", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("runs").await?;
    fixture.run("waits", json!({"quantity": 1})).await?;
    fixture.run_until("waits", "waits", |status| status.queue.is_some()).await?;
    fixture.patch_tenant(json!({"state": "Archived", "deletionPolicy": "Delete"})).await?;
    for run in ["asks", "runs", "waits"] {
        wait_until_cancelled(&fixture, run).await?;
    }
    let message = fixture.tenant_with_reason("Ready", "Archived").await?;
    assert!(message.contains("the Tenant is deleted with its data after"), "{message}");
    let archived = status(&fixture.tenants.get(&fixture.slug).await?);
    assert_eq!(archived.phase, Some(TenantPhase::Archived));
    assert!(archived.archived_at.is_some() && archived.purge_after.is_some());
    wait_for_pods(&fixture, "0").await?;
    assert!(fixture.jobs.list(&kube::api::ListParams::default()).await?.items.is_empty());
    let refused = async || Ok(fixture.run("late", json!({"quantity": 1})).await.err().map(|e| e.to_string()));
    wait::until("a run is refused", DEADLINE, refused, |error| {
        error.as_ref().is_some_and(|error| error.contains("is archived"))
    })
    .await?;
    fixture.workflows.get("intake").await?;
    fixture.patch_tenant(json!({"state": "Active"})).await?;
    fixture.tenant_with_reason("Ready", "Ready").await?;
    let restored = status(&fixture.tenants.get(&fixture.slug).await?);
    assert_eq!((restored.archived_at, restored.purge_after), (None, None));
    let accepted = async || Ok(fixture.run("again", json!({"quantity": 1})).await.is_ok());
    wait::until("a run is accepted", DEADLINE, accepted, |accepted| *accepted).await?;
    fixture.wait_until_assigned("again").await.map(drop)
}

/// Returns the status that the api-server applies once it has exported the data of an archived tenant.
fn exported(tenant: &Tenant, conditions: &[&str]) -> Value {
    let condition = |kind: &&str| {
        json!({"type": kind, "status": "True", "reason": "Any", "message": "",
            "lastTransitionTime": telemetry::clock::now().to_string()})
    };
    let conditions: Vec<Value> = conditions.iter().map(condition).collect();
    json!({"conditions": conditions, "export": {"location": "any", "archivedAt": status(tenant).archived_at}})
}

async fn wait_for_condition(fixture: &Fixture, kind: &str) -> anyhow::Result<Tenant> {
    let words = format!("when the condition {kind} is true");
    fixture
        .tenant_until(&format!("waits for {kind}"), |tenant| {
            let ready = crds::conditions::get(&status(tenant).conditions, "Ready").cloned();
            ready.is_some_and(|ready| ready.message.contains(&words))
        })
        .await
}

/// An archived tenant whose retention has ended is deleted with its data, and not before the api-server says that its data is
/// exported and that the retention has ended.
#[tokio::test]
async fn an_archived_tenant_is_purged_after_its_retention_and_its_export() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("purged", objects::plan()).await?;
    let retention = json!({"archivedFor": "1s"});
    fixture
        .patch_tenant(json!({"state": "Archived", "deletionPolicy": "Delete", "retention": retention}))
        .await?;
    let tenant = wait_for_condition(&fixture, "Exported").await?;
    apply_status(&fixture.tenants, &fixture.slug, exported(&tenant, &["Exported"])).await?;
    let tenant = wait_for_condition(&fixture, "Purgeable").await?;
    apply_status(&fixture.tenants, &fixture.slug, exported(&tenant, &["Exported", "Purgeable"])).await?;
    fixture.wait_until_tenant_deleted().await?;
    assert!(fixture.namespaces.get_opt(&fixture.namespace).await?.is_none());
    Ok(())
}
