//! The runner, as its pod would run it: what it writes passes the fences, the schema and the API server's patches.
//! Its own tests have an API server in memory instead, which does by these scenarios as the real one does.
//!
//! Not beside the operators of `control_plane`: they would take its pods for lost, since there are none.

mod process;

use crds::{
    WorkflowRun,
    labels::PARENT,
    run::{Cancel, RunPhase},
};
use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    authentication::v1::SelfSubjectReview,
    core::v1::{ConfigMap, ServiceAccount},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use process::RunnerPod;
use serde_json::{Value, json};
use tests::{
    cluster::{client, unique},
    place::Place,
};

/// A namespace with all that a runner reads.
struct Stage {
    client: Client,
    place: Place,
    runs: Api<WorkflowRun>,
}

impl Stage {
    async fn set(steps: Value) -> anyhow::Result<Self> {
        let client = client().await?;
        let place = Place::managed(&client).await?;
        let account = serde_json::from_value(json!({"metadata": {"name": "smb-runner"}}))?;
        place.api::<ServiceAccount>(&client).create(&PostParams::default(), &account).await?;
        let subject = json!({"kind": "ServiceAccount", "name": "smb-runner", "namespace": place.namespace});
        place.bind("smb-copilot-runner", subject).await?;
        let tenant =
            serde_json::from_value(json!({"metadata": {"name": "tenant"}, "data": {"name": "fenced"}}))?;
        place.api::<ConfigMap>(&client).create(&PostParams::default(), &tenant).await?;
        let revision = serde_json::from_value(json!({
            "metadata": {"name": "pay-1"}, "revision": 1,
            "data": {"schemaVersion": 1, "workflow": "pay", "spec": {"steps": steps}},
        }))?;
        place.api::<ControllerRevision>(&client).create(&PostParams::default(), &revision).await?;
        let runs = place.api(&client);
        Ok(Self { client, place, runs })
    }

    /// A run of the revision, before any pod has it.
    async fn run(&self) -> anyhow::Result<String> {
        let run = serde_json::from_value(json!({
            "metadata": {"name": unique("pay")}, "spec": {"workflowRef": {"name": "pay"}, "input": {"n": 1}},
        }))?;
        Ok(self.runs.create(&PostParams::default(), &run).await?.name_any())
    }

    /// Assigns the run to a new pod, as the operator does it, and waits until that has left.
    async fn hold(&self, run: &str) -> anyhow::Result<WorkflowRun> {
        let pod = RunnerPod::create(&self.client, &self.place).await?;
        let status = self.runs.get(run).await?.status.unwrap_or_default();
        let phase = status.phase.unwrap_or_default();
        let started_at = status.started_at.unwrap_or_else(|| MicroTime(telemetry::clock::now()));
        self.write(
            run,
            json!({
                "phase": phase, "startedAt": started_at, "revision": {"name": "pay-1"},
                "runner": {"job": "run-1", "pod": "run-1-x", "podUid": pod.uid},
            }),
        )
        .await?;
        pod.run().await?;
        Ok(self.runs.get(run).await?)
    }

    async fn write(&self, run: &str, status: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"status": status}));
        self.runs.patch_status(run, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    async fn child(&self, parent: &str) -> anyhow::Result<WorkflowRun> {
        let children = self.runs.list(&ListParams::default().labels(&format!("{PARENT}={parent}"))).await?;
        anyhow::ensure!(children.items.len() == 1, "{} sub-runs", children.items.len());
        children.items.into_iter().next().ok_or_else(|| anyhow::anyhow!("no sub-run"))
    }
}

fn phase(run: &WorkflowRun) -> Option<RunPhase> {
    run.status.as_ref().and_then(|status| status.phase)
}

/// A run that waits for a person and for another run never goes on in a real cluster, or loses what it had.
#[tokio::test]
async fn a_run_waits_without_a_pod_and_goes_on_in_another_one() -> anyhow::Result<()> {
    let stage = Stage::set(json!([
        {"name": "call", "with": {"n": "${{ input.n }}"}, "workflow": {"name": "other"}},
        {"name": "ask", "needs": ["call"], "approval": {"message": "Pay?"}},
        {"name": "last", "needs": ["ask"], "expr": {"value": {"n": "${{ steps.call.output.n }}", "nothing": null}}},
    ]))
    .await?;
    let run = stage.run().await?;
    let waiting = stage.hold(&run).await?;
    assert_eq!(phase(&waiting), Some(RunPhase::Suspended));
    let status = waiting.status.unwrap_or_default();
    assert!(status.runner.is_none() && status.suspended_at.is_none());
    let child = stage.child(&run).await?;
    assert_eq!(child.spec.input, Some(json!({"n": 1})));

    stage.write(&child.name_any(), json!({"phase": "Succeeded", "output": {"n": 7}})).await?;
    let asking = stage.hold(&run).await?;
    let status = asking.status.clone().unwrap_or_default();
    assert_eq!(phase(&asking), Some(RunPhase::Suspended));
    assert!(status.suspended_at.is_some() && status.wake_at.is_some(), "{status:#?}");

    let me = Api::<SelfSubjectReview>::all(stage.client.clone());
    let me = me.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    let by = me.status.and_then(|status| status.user_info?.username);
    let decision = json!({"spec": {"decisions": [{"key": "ask", "approved": true, "by": by}]}});
    stage.runs.patch(&run, &PatchParams::default(), &Patch::Merge(decision)).await?;
    let ended = stage.hold(&run).await?;
    let status = ended.status.clone().unwrap_or_default();
    assert_eq!(phase(&ended), Some(RunPhase::Succeeded), "{status:#?}");
    let last = status.steps.iter().find(|step| step.name == "last");
    assert_eq!(last.and_then(|step| step.output.clone()), Some(json!({"n": 7, "nothing": null})));
    assert!(status.suspended_at.is_none() && status.wake_at.is_none() && status.waited_seconds.is_some());
    stage.place.remove().await
}

/// A cancelled run leaves its sub-runs running in a real cluster.
#[tokio::test]
async fn a_cancel_reaches_the_sub_run() -> anyhow::Result<()> {
    let stage = Stage::set(json!([{"name": "call", "workflow": {"name": "other"}}])).await?;
    let run = stage.run().await?;
    stage.hold(&run).await?;
    let cancel = json!({"spec": {"cancel": "Now"}});
    stage.runs.patch(&run, &PatchParams::default(), &Patch::Merge(cancel)).await?;
    stage.hold(&run).await?;
    let child = stage.child(&run).await?;
    assert_eq!(child.spec.cancel, Some(Cancel::Now));
    stage.place.remove().await
}
