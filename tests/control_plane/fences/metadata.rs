//! Owner references, finalizers and the labels and annotations of the platform are not for users.

use std::time::Duration;

use crds::{Workflow, WorkflowRun};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy},
};
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    test_namespace::TestNamespace,
    wait,
};

use super::{accepted, refusal, refused};

const DRY_RUN: PostParams = PostParams { dry_run: true, field_manager: None };

fn orphan() -> Value {
    json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "missing", "uid": "3f1c6f0e-0000-4000-8000-000000000000"}])
}

/// Metadata that only the platform may set, with words of the refusal.
fn reserved() -> [(Value, &'static str); 5] {
    [
        (json!({"ownerReferences": orphan()}), "metadata.ownerReferences must not be set or changed"),
        (json!({"finalizers": ["acme.example/never"]}), "metadata.finalizers must not be set or changed"),
        (json!({"labels": {"smbcopilot.dev/parent": "other"}}), "metadata.labels must not contain or change"),
        (
            json!({"annotations": {"smbcopilot.dev/any": "1"}}),
            "metadata.annotations must not contain or change",
        ),
        (
            json!({"annotations": {"smbcopilot.dev/traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}),
            "metadata.annotations must not contain or change",
        ),
    ]
}

/// Deadline of the garbage collector, which works on the objects of all tests one after the other.
const COLLECTION_DEADLINE: Duration = Duration::from_secs(60);

async fn with_role(namespace: &TestNamespace, role: &str) -> anyhow::Result<Client> {
    let user = format!("{}@acme.example", unique(role));
    let subject = json!({"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"});
    namespace.bind(&format!("smb-copilot-tenant-{role}"), subject).await?;
    let user = client_as(&user, &[]).await?;
    let runs = namespace.api::<WorkflowRun>(&user);
    let plain = run(&json!({}))?;
    accepted("the role is effective", || runs.create(&DRY_RUN, &plain)).await?;
    Ok(user)
}

fn run(metadata: &Value) -> anyhow::Result<WorkflowRun> {
    let mut run: WorkflowRun = serde_json::from_value(
        json!({"metadata": metadata, "spec": {"workflowRef": {"name": "order-invoice"}}}),
    )?;
    run.metadata.name = Some(unique("held"));
    Ok(run)
}

async fn patch(runs: &Api<WorkflowRun>, name: &str, metadata: &Value) -> kube::Result<WorkflowRun> {
    let patch = Patch::Merge(json!({"metadata": metadata}));
    runs.patch(name, &PatchParams::default(), &patch).await
}

/// A user who may not delete a running run cannot make the garbage collector delete it, nor keep it from being deleted.
#[tokio::test]
async fn users_set_neither_owners_nor_finalizers_nor_labels_of_the_platform() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let runs = namespace.api::<WorkflowRun>(&with_role(&namespace, "operator").await?);
    let running = runs.create(&PostParams::default(), &run(&json!({}))?).await?.name_any();
    for (metadata, words) in reserved() {
        refused(words, || patch(&runs, &running, &metadata)).await?;
        let created = run(&metadata)?;
        refused(words, || runs.create(&DRY_RUN, &created)).await?;
    }
    assert!(namespace.api::<WorkflowRun>(&admin).get_opt(&running).await?.is_some());
    namespace.delete().await
}

/// What kubectl, Argo CD and users themselves write into metadata is permitted.
#[tokio::test]
async fn users_set_labels_and_annotations_of_their_own() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let builder = with_role(&namespace, "builder").await?;
    let workflows = namespace.api::<Workflow>(&builder);
    let labels = json!({"app.kubernetes.io/instance": "acme", "team": "billing"});
    let annotations = json!({
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "argocd.argoproj.io/tracking-id": "acme:smbcopilot.dev/Workflow:t-acme/intake",
    });
    let workflow = serde_json::from_value(json!({
        "metadata": {"name": "intake", "labels": labels, "annotations": annotations},
        "spec": {"steps": [{"name": "one", "expr": {"value": 1}}]},
    }))?;
    workflows.create(&PostParams::default(), &workflow).await?;
    let changed =
        Patch::Merge(json!({"metadata": {"labels": {"team": null}, "annotations": {"note": "moved"}}}));
    workflows.patch("intake", &PatchParams::default(), &changed).await?;
    let owned = Patch::Merge(json!({"metadata": {"ownerReferences": orphan()}}));
    let message = refusal(workflows.patch("intake", &PatchParams::default(), &owned).await)?;
    assert!(message.is_some_and(|message| message.contains("metadata.ownerReferences")));
    namespace.delete().await
}

/// A user cannot remove or change the labels with which the platform finds a run.
#[tokio::test]
async fn users_keep_the_labels_of_the_platform() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let runs = namespace.api::<WorkflowRun>(&with_role(&namespace, "operator").await?);
    let labelled = run(&json!({"labels": {"smbcopilot.dev/schedule": "nightly", "team": "billing"}}))?;
    let name =
        namespace.api::<WorkflowRun>(&admin).create(&PostParams::default(), &labelled).await?.name_any();
    for labels in [json!({"smbcopilot.dev/schedule": null}), json!({"smbcopilot.dev/schedule": "other"})] {
        let metadata = json!({"labels": labels});
        refused("metadata.labels must not contain or change", || patch(&runs, &name, &metadata)).await?;
    }
    patch(&runs, &name, &json!({"labels": {"team": "sales"}})).await?;
    namespace.delete().await
}

/// The policy does not stop the garbage collector: a deletion in the foreground completes.
#[tokio::test]
async fn the_garbage_collector_is_not_stopped() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let runs = namespace.api::<WorkflowRun>(&with_role(&namespace, "admin").await?);
    let name = runs.create(&PostParams::default(), &run(&json!({}))?).await?.name_any();
    let foreground =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
    runs.delete(&name, &foreground).await?;
    wait::until(
        "the run is deleted",
        COLLECTION_DEADLINE,
        async || Ok(runs.get_opt(&name).await?),
        Option::is_none,
    )
    .await?;
    namespace.delete().await
}
