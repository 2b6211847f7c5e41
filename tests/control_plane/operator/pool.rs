//! Pool of idle runners: runners that are kept alive after a run, and warm runners.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects, process};

async fn fixture(prefix: &str, runners: Value, pods: u32) -> anyhow::Result<Fixture> {
    let granted = json!({"warmMax": 2, "keepAliveMax": "1h"});
    let budget = json!({"requests": {"cpu": "2", "memory": "4Gi"}, "pods": pods});
    let plan = objects::with(objects::with(objects::plan(), "runners", granted), "namespace", budget);
    let fixture = Fixture::with_tenant(prefix, plan).await?;
    let spec = objects::with(objects::intake(), "runners", runners);
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    Ok(fixture)
}

/// Returns the pool pods that are not being deleted.
async fn pods(fixture: &Fixture) -> anyhow::Result<Vec<Pod>> {
    let pooled = ListParams::default().labels("smbcopilot.dev/pool=true");
    let pods = fixture.pods.list(&pooled).await?.items;
    Ok(pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

async fn wait_for_pods(fixture: &Fixture, count: usize) -> anyhow::Result<Vec<Pod>> {
    let what = format!("{count} runners stay");
    wait::until(&what, DEADLINE, async || pods(fixture).await, |pods| pods.len() == count).await
}

/// An idle runner gets the next run, also after a restart of the operator, and never two runs at once.
#[tokio::test]
async fn an_idle_runner_gets_the_next_run_also_after_a_restart() -> anyhow::Result<()> {
    let fixture = fixture("stays", json!({"keepAlive": "30m"}), 20).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    let pod = fixture.wait_until_assigned("first").await?;
    fixture.run("beside", json!({"quantity": 1})).await?;
    assert_ne!(fixture.wait_until_assigned("beside").await?, pod, "a runner executes one run at a time");
    fixture.finish_run("first").await?;
    for next in ["second", "third", "fourth"] {
        fixture.run(next, json!({"quantity": 1})).await?;
        assert_eq!(fixture.wait_until_assigned(next).await?, pod, "{next}");
        fixture.finish_run(next).await?;
    }
    process::kill().await?.start(&fixture.client).await?;
    fixture.run("after-restart", json!({"quantity": 1})).await?;
    assert_eq!(fixture.wait_until_assigned("after-restart").await?, pod);
    Ok(())
}

/// A runner whose run is suspended gets the next run.
#[tokio::test]
async fn a_runner_of_a_suspended_run_gets_the_next_run() -> anyhow::Result<()> {
    let fixture = fixture("waits", json!({"keepAlive": "30m"}), 20).await?;
    fixture.run("asks", json!({"quantity": 1})).await?;
    let pod = fixture.wait_until_assigned("asks").await?;
    let approval = json!({"for": "Approval", "message": "pay?", "roles": ["admin"]});
    let steps = json!([{"name": "parse", "phase": "Suspended", "attempt": 1, "waiting": approval}]);
    let now = telemetry::clock::now().to_string();
    let waits =
        json!({"phase": "Suspended", "runner": null, "queue": null, "suspendedAt": now, "steps": steps});
    fixture.write_run("asks", waits).await?;
    fixture.run("next", json!({"quantity": 1})).await?;
    assert_eq!(fixture.wait_until_assigned("next").await?, pod);
    let decision = json!({"key": "parse", "approved": true, "by": "smb-kube-admin"});
    let decided = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
    fixture.runs.patch("asks", &PatchParams::default(), &decided).await?;
    assert_ne!(fixture.wait_until_assigned("asks").await?, pod, "the runner has another run now");
    Ok(())
}

/// An idle runner is deleted when its keep-alive time is over or its workflow revision is no longer current.
#[tokio::test]
async fn idle_runners_are_deleted_after_their_time_or_with_their_revision() -> anyhow::Result<()> {
    let fixture = fixture("goes", json!({"keepAlive": "2s"}), 20).await?;
    fixture.run("short", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("short").await?;
    fixture.finish_run("short").await?;
    wait_for_pods(&fixture, 0).await?;
    let runners = |runners: Value| Patch::Merge(json!({"spec": {"runners": runners}}));
    let patch = async |runners: Patch<Value>| {
        fixture.workflows.patch("intake", &PatchParams::default(), &runners).await.map(drop)
    };
    patch(runners(json!({"keepAlive": "1h"}))).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("long", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("long").await?;
    fixture.finish_run("long").await?;
    wait_for_pods(&fixture, 1).await?;
    let edit = Patch::Merge(json!({"spec": {"description": "edited"}}));
    patch(edit).await?;
    wait_for_pods(&fixture, 0).await?;
    Ok(())
}

/// The idle runners of a deleted workflow are deleted.
#[tokio::test]
async fn idle_runners_of_a_deleted_workflow_are_deleted() -> anyhow::Result<()> {
    let fixture = fixture("abandoned", json!({"keepAlive": "30m", "warm": 1}), 20).await?;
    wait_for_pods(&fixture, 1).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.workflows.delete("intake", &DeleteParams::default()).await?;
    wait_for_pods(&fixture, 1).await?;
    assert!(fixture.pods.get_opt(&fixture.pod_of("first").await?).await?.is_some(), "a run uses the runner");
    fixture.finish_run("first").await?;
    wait_for_pods(&fixture, 0).await?;
    Ok(())
}

/// Warm runners are ready before a run, and are deleted if a run needs their resources.
#[tokio::test]
async fn warm_runners_are_ready_and_make_room_for_runs() -> anyhow::Result<()> {
    let fixture = fixture("warm", json!({"warm": 5}), 2).await?;
    let ready = wait_for_pods(&fixture, 2).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    let uid = fixture.wait_until_assigned("order-7").await?;
    assert!(ready.iter().any(|pod| pod.uid().as_deref() == Some(uid.as_str())), "a warm runner gets the run");
    objects::create(&fixture.workflows, "Workflow", "other", objects::intake()).await?;
    fixture.workflow_with_valid("other", "True").await?;
    let spec = json!({"workflowRef": {"name": "other"}, "input": {"quantity": 1}});
    objects::create(&fixture.runs, "WorkflowRun", "needs-room", spec).await?;
    fixture.wait_until_assigned("needs-room").await?;
    Ok(())
}
