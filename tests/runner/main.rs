//! Tests of the runner program: what it writes passes the admission policies, the schema and the patch logic
//! of a real API server. The runner's own tests use an in-memory API server; these tests repeat the same sequences
//! against a real one.
//!
//! They do not run beside the operator of `control_plane`, which would treat the pods as lost, since no
//! kubelet runs them.

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
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use process::RunnerPod;
use serde_json::{Value, json};
use tests::{
    cluster::{client, unique},
    test_namespace::TestNamespace,
};

/// A namespace with all objects that a runner reads.
struct RunnerNamespace {
    client: Client,
    namespace: TestNamespace,
    runs: Api<WorkflowRun>,
}

impl RunnerNamespace {
    async fn create(steps: Value) -> anyhow::Result<Self> {
        let client = client().await?;
        let namespace = TestNamespace::managed(&client).await?;
        let account = serde_json::from_value(json!({"metadata": {"name": "smb-runner"}}))?;
        namespace.api::<ServiceAccount>(&client).create(&PostParams::default(), &account).await?;
        let subject = json!({"kind": "ServiceAccount", "name": "smb-runner", "namespace": namespace.name});
        namespace.bind("smb-copilot-runner", subject).await?;
        let tenant =
            serde_json::from_value(json!({"metadata": {"name": "tenant"}, "data": {"name": "fenced"}}))?;
        namespace.api::<ConfigMap>(&client).create(&PostParams::default(), &tenant).await?;
        let revision = serde_json::from_value(json!({
            "metadata": {"name": "pay-1"}, "revision": 1,
            "data": {"schemaVersion": 1, "workflow": "pay", "spec": {"steps": steps}},
        }))?;
        namespace.api::<ControllerRevision>(&client).create(&PostParams::default(), &revision).await?;
        let runs = namespace.api(&client);
        Ok(Self { client, namespace, runs })
    }

    /// Creates a run of the revision, which is not assigned yet.
    async fn create_run(&self) -> anyhow::Result<String> {
        let run = serde_json::from_value(json!({
            "metadata": {"name": unique("pay")}, "spec": {"workflowRef": {"name": "pay"}, "input": {"n": 1}},
        }))?;
        Ok(k8s_client::create(&self.runs, &PostParams::default(), &run).await?.name_any())
    }

    /// Assigns the run to a new pod, as the operator does, and waits until its runner has ended.
    async fn execute(&self, run: &str) -> anyhow::Result<WorkflowRun> {
        let pod = RunnerPod::create(&self.client, &self.namespace).await?;
        let status = self.runs.get(run).await?.status.unwrap_or_default();
        let phase = status.phase.unwrap_or_default();
        self.write(
            run,
            json!({
                "phase": phase, "revision": {"name": "pay-1"},
                "queue": {"reason": "PodStarting", "message": "pod run-1-x is being scheduled"},
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
        anyhow::ensure!(children.items.len() == 1, "expected one sub-run, found {}", children.items.len());
        children.items.into_iter().next().ok_or_else(|| anyhow::anyhow!("found no sub-run"))
    }
}

fn phase(run: &WorkflowRun) -> Option<RunPhase> {
    run.status.as_ref().and_then(|status| status.phase)
}

/// A run that waits for an approval and for a sub-run releases its pod, and continues in another one with all
/// its data.
#[tokio::test]
async fn a_run_waits_without_a_pod_and_continues_in_another_one() -> anyhow::Result<()> {
    let namespace = RunnerNamespace::create(json!([
        {"name": "call", "with": {"n": "${{ input.n }}"}, "workflow": {"name": "other"}},
        {"name": "ask", "needs": ["call"], "approval": {"message": "Pay?"}},
        {"name": "last", "needs": ["ask"], "expr": {"value": {"n": "${{ steps.call.output.n }}", "nothing": null}}},
    ]))
    .await?;
    let run = namespace.create_run().await?;
    let waiting = namespace.execute(&run).await?;
    assert_eq!(phase(&waiting), Some(RunPhase::Suspended));
    let status = waiting.status.unwrap_or_default();
    assert!(status.runner.is_none() && status.suspended_at.is_none());
    let child = namespace.child(&run).await?;
    assert_eq!(child.spec.input, Some(json!({"n": 1})));

    namespace.write(&child.name_any(), json!({"phase": "Succeeded", "output": {"n": 7}})).await?;
    let asking = namespace.execute(&run).await?;
    let status = asking.status.clone().unwrap_or_default();
    assert_eq!(phase(&asking), Some(RunPhase::Suspended));
    assert!(status.suspended_at.is_some() && status.wake_at.is_some(), "{status:#?}");

    let me = Api::<SelfSubjectReview>::all(namespace.client.clone());
    let me = me.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    let by = me.status.and_then(|status| status.user_info?.username);
    let decision = json!({"spec": {"decisions": [{"key": "ask", "approved": true, "by": by}]}});
    namespace.runs.patch(&run, &PatchParams::default(), &Patch::Merge(decision)).await?;
    let ended = namespace.execute(&run).await?;
    let status = ended.status.clone().unwrap_or_default();
    assert_eq!(phase(&ended), Some(RunPhase::Succeeded), "{status:#?}");
    let last = status.steps.iter().find(|step| step.name == "last");
    assert_eq!(last.and_then(|step| step.output.clone()), Some(json!({"n": 7, "nothing": null})));
    assert!(status.suspended_at.is_none() && status.wake_at.is_none() && status.waited_seconds.is_some());
    namespace.namespace.delete().await
}

/// The cancellation of a run reaches its sub-run.
#[tokio::test]
async fn a_cancellation_reaches_the_sub_run() -> anyhow::Result<()> {
    let namespace = RunnerNamespace::create(json!([{"name": "call", "workflow": {"name": "other"}}])).await?;
    let run = namespace.create_run().await?;
    namespace.execute(&run).await?;
    let cancel = json!({"spec": {"cancel": "Now"}});
    namespace.runs.patch(&run, &PatchParams::default(), &Patch::Merge(cancel)).await?;
    namespace.execute(&run).await?;
    let child = namespace.child(&run).await?;
    assert_eq!(child.spec.cancel, Some(Cancel::Now));
    namespace.namespace.delete().await
}
