//! Runners that stay after a run, or are ready before one.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, objects, process, world::World};

async fn world(prefix: &str, runners: Value, pods: u32) -> anyhow::Result<World> {
    let granted = json!({"warmMax": 2, "keepAliveMax": "1h"});
    let budget = json!({"requests": {"cpu": "2", "memory": "4Gi"}, "pods": pods});
    let plan = objects::with(objects::with(objects::plan(), "runners", granted), "namespace", budget);
    let world = World::with_tenant(prefix, plan).await?;
    let spec = objects::with(objects::intake(), "runners", runners);
    objects::create(&world.workflows, "Workflow", "intake", spec).await?;
    world.workflow_with_valid("intake", "True").await?;
    Ok(world)
}

/// The pods that stay, and are not being deleted.
async fn pods(world: &World) -> anyhow::Result<Vec<Pod>> {
    let pooled = ListParams::default().labels("smbcopilot.dev/pool=true");
    let pods = world.pods.list(&pooled).await?.items;
    Ok(pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

async fn until_there_are(world: &World, count: usize) -> anyhow::Result<Vec<Pod>> {
    let what = format!("{count} runners stay");
    wait::until(&what, DEADLINE, async || pods(world).await, |pods| pods.len() == count).await
}

/// Every run waits for a pod of its own though the one before is there; or two runs get one pod.
#[tokio::test]
async fn a_runner_that_stays_takes_the_very_next_run_also_after_a_restart() -> anyhow::Result<()> {
    let world = world("stays", json!({"keepAlive": "30m"}), 20).await?;
    world.run("first", json!({"quantity": 1})).await?;
    let pod = world.assigned("first").await?;
    world.run("beside", json!({"quantity": 1})).await?;
    assert_ne!(world.assigned("beside").await?, pod, "one run at a time");
    world.finish_run("first").await?;
    for next in ["second", "third", "fourth"] {
        world.run(next, json!({"quantity": 1})).await?;
        assert_eq!(world.assigned(next).await?, pod, "{next}");
        world.finish_run(next).await?;
    }
    process::kill().await?.start(&world.client).await?;
    world.run("after-restart", json!({"quantity": 1})).await?;
    assert_eq!(world.assigned("after-restart").await?, pod);
    Ok(())
}

/// A pod stands idle for days, since its run waits for a person.
#[tokio::test]
async fn a_runner_whose_run_waits_takes_the_next() -> anyhow::Result<()> {
    let world = world("waits", json!({"keepAlive": "30m"}), 20).await?;
    world.run("asks", json!({"quantity": 1})).await?;
    let pod = world.assigned("asks").await?;
    let approval = json!({"for": "Approval", "message": "pay?", "roles": ["admin"]});
    let steps = json!([{"name": "parse", "phase": "Suspended", "attempt": 1, "waiting": approval}]);
    let now = telemetry::clock::now().to_string();
    let waits = json!({"phase": "Suspended", "runner": null, "suspendedAt": now, "steps": steps});
    world.write_run("asks", waits).await?;
    world.run("next", json!({"quantity": 1})).await?;
    assert_eq!(world.assigned("next").await?, pod);
    let decision = json!({"key": "parse", "approved": true, "by": "smb-kube-admin"});
    let decided = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
    world.runs.patch("asks", &PatchParams::default(), &decided).await?;
    assert_ne!(world.assigned("asks").await?, pod, "it has another run now");
    Ok(())
}

/// A runner stays for ever, though its time is over or its workflow is another one now.
#[tokio::test]
async fn runners_go_when_their_time_is_over_or_their_revision() -> anyhow::Result<()> {
    let world = world("goes", json!({"keepAlive": "2s"}), 20).await?;
    world.run("short", json!({"quantity": 1})).await?;
    world.assigned("short").await?;
    world.finish_run("short").await?;
    until_there_are(&world, 0).await?;
    let runners = |runners: Value| Patch::Merge(json!({"spec": {"runners": runners}}));
    let patch = async |runners: Patch<Value>| {
        world.workflows.patch("intake", &PatchParams::default(), &runners).await.map(drop)
    };
    patch(runners(json!({"keepAlive": "1h"}))).await?;
    world.workflow_with_valid("intake", "True").await?;
    world.run("long", json!({"quantity": 1})).await?;
    world.assigned("long").await?;
    world.finish_run("long").await?;
    until_there_are(&world, 1).await?;
    let edit = Patch::Merge(json!({"spec": {"description": "edited"}}));
    patch(edit).await?;
    until_there_are(&world, 0).await?;
    Ok(())
}

/// A run waits for its pod though runners are to be ready; or they take the room that a run needs.
#[tokio::test]
async fn warm_runners_are_ready_and_give_way() -> anyhow::Result<()> {
    let world = world("warm", json!({"warm": 5}), 2).await?;
    let ready = until_there_are(&world, 2).await?;
    world.run("order-7", json!({"quantity": 1})).await?;
    let uid = world.assigned("order-7").await?;
    assert!(ready.iter().any(|pod| pod.uid().as_deref() == Some(uid.as_str())), "one of them takes it");
    objects::create(&world.workflows, "Workflow", "other", objects::intake()).await?;
    world.workflow_with_valid("other", "True").await?;
    let spec = json!({"workflowRef": {"name": "other"}, "input": {"quantity": 1}});
    objects::create(&world.runs, "WorkflowRun", "needs-room", spec).await?;
    world.assigned("needs-room").await?;
    Ok(())
}
