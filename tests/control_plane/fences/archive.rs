//! Namespaces of archived tenants are read-only.

use std::time::Duration;

use crds::{Workflow, WorkflowRun};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    test_namespace::TestNamespace,
    wait,
};

use super::{accepted, refused};

/// Deadline of the deletion of a namespace: ten times its duration beside other tests.
const NAMESPACE_DEADLINE: Duration = Duration::from_secs(120);

const REFUSED: &str = "is archived: its workflows cannot be changed";

const NOT_DELETED: &str = "no runs and Secrets can be deleted";

/// Deadline of a deletion by the garbage collector: ten times what it takes beside other tests.
const COLLECTION_DEADLINE: Duration = Duration::from_secs(60);

async fn set_state(admin: &Client, tenant: &TestNamespace, state: Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"labels": {"smbcopilot.dev/tenant-state": state}}}));
    Api::<Namespace>::all(admin.clone()).patch(&tenant.name, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn run(name: &str, owners: &Value) -> serde_json::Result<WorkflowRun> {
    serde_json::from_value(json!({
        "metadata": {"name": name, "ownerReferences": owners}, "spec": {"workflowRef": {"name": "intake"}},
    }))
}

/// While a tenant is archived, nobody creates runs, and nobody creates, changes or deletes workflows. When it is active again, they do.
#[tokio::test]
async fn an_archived_tenant_is_read_only() -> anyhow::Result<()> {
    let admin = client().await?;
    let tenant = TestNamespace::managed(&admin).await?;
    let (workflows, runs) = (tenant.api::<Workflow>(&admin), tenant.api::<WorkflowRun>(&admin));
    let steps = json!({"steps": [{"name": "one", "expr": {"value": "${{ 1 }}"}}]});
    let workflow = |name: &str| -> serde_json::Result<Workflow> {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": steps}))
    };
    workflows.create(&PostParams::default(), &workflow("intake")?).await?;
    set_state(&admin, &tenant, json!("Archived")).await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let delete = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let patch = Patch::Merge(json!({"spec": {"description": "changed"}}));
    let (created, patched) = (PostParams::default(), PatchParams::default());
    let run = run("order-7", &json!([]))?;
    let other = workflow("other")?;
    // Once a run is refused, so are the requests that would change a workflow; a check of those is not.
    refused(REFUSED, || runs.create(&dry_run, &run)).await?;
    refused(REFUSED, || workflows.create(&created, &other)).await?;
    refused(REFUSED, || workflows.patch("intake", &patched, &patch)).await?;
    refused(REFUSED, || async { workflows.delete("intake", &delete).await.map(|_| ()) }).await?;
    set_state(&admin, &tenant, Value::Null).await?;
    accepted("a run of an active tenant", || runs.create(&dry_run, &run)).await?;
    accepted("a change of an active tenant", || workflows.patch("intake", &patched, &patch)).await?;
    // A namespace that is deleted takes its workflows with it.
    set_state(&admin, &tenant, json!("Archived")).await?;
    let (namespaces, name) = (Api::<Namespace>::all(admin.clone()), tenant.name.clone());
    tenant.delete().await?;
    let found = async || Ok(namespaces.get_opt(&name).await?);
    wait::until("the namespace is deleted", NAMESPACE_DEADLINE, found, Option::is_none).await.map(drop)
}

/// A tool that applies from Git checks and applies the unchanged workflows of an archived tenant, and checks changed ones, which it
/// applies once the tenant is active again. It changes nothing of them before: neither spec, nor labels, nor annotations.
#[tokio::test]
async fn unchanged_workflows_of_an_archived_tenant_can_be_applied_again() -> anyhow::Result<()> {
    let admin = client().await?;
    let tenant = TestNamespace::managed(&admin).await?;
    let (workflows, runs) = (tenant.api::<Workflow>(&admin), tenant.api::<WorkflowRun>(&admin));
    let manifest = |name: &str, value: &str, metadata: Value| {
        let mut manifest = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow", "metadata": metadata,
            "spec": {"steps": [{"name": "one", "expr": {"value": value}}]},
        });
        manifest["metadata"]["name"] = json!(name);
        Patch::Apply(manifest)
    };
    let unchanged = manifest("intake", "${{ 1 }}", json!({"labels": {"team": "bakery"}}));
    let argo = PatchParams::apply("argocd-controller").force();
    let check = PatchParams { dry_run: true, ..argo.clone() };
    let before = workflows.patch("intake", &argo, &unchanged).await?;
    set_state(&admin, &tenant, json!("Archived")).await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let run = run("order-7", &json!([]))?;
    refused(REFUSED, || runs.create(&dry_run, &run)).await?;
    let changed = manifest("intake", "${{ 2 }}", json!({"labels": {"team": "bakery"}}));
    for patch in [
        &changed,
        &manifest("intake", "${{ 1 }}", json!({"labels": {"team": "sales"}})),
        &manifest(
            "intake",
            "${{ 1 }}",
            json!({"labels": {"team": "bakery"}, "annotations": {"note": "new"}}),
        ),
    ] {
        refused(REFUSED, || workflows.patch("intake", &argo, patch)).await?;
        workflows.patch("intake", &check, patch).await?;
    }
    workflows.patch("late", &check, &manifest("late", "${{ 1 }}", json!({}))).await?;
    workflows.patch("intake", &check, &unchanged).await?;
    let after = workflows.patch("intake", &argo, &unchanged).await?;
    assert_eq!(after.resource_version(), before.resource_version());
    assert_eq!(workflows.get_opt("late").await?, None);
    tenant.delete().await
}

/// The administrator of an archived tenant deletes neither its runs nor the Secrets of its workflows. Those who may delete the whole
/// namespace, the operator and the garbage collector go on.
#[tokio::test]
async fn the_runs_and_secrets_of_an_archived_tenant_cannot_be_deleted() -> anyhow::Result<()> {
    let admin = client().await?;
    let tenant = TestNamespace::managed(&admin).await?;
    let anna = format!("{}@acme.example", unique("anna"));
    let subject = json!({"kind": "User", "name": anna, "apiGroup": "rbac.authorization.k8s.io"});
    tenant.bind("smb-copilot-tenant-admin", subject).await?;
    let anna = client_as(&anna, &[]).await?;
    let operator = client_as("system:serviceaccount:smb-copilot:smb-copilot-operator", &[]).await?;
    let (runs, secrets) = (tenant.api::<WorkflowRun>(&anna), tenant.api::<Secret>(&anna));
    let of_operator = tenant.api::<WorkflowRun>(&operator);
    let all_runs = tenant.api::<WorkflowRun>(&admin);
    let parent = all_runs.create(&PostParams::default(), &run("order-7", &json!([]))?).await?;
    let owner = json!([{"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun", "name": "order-7", "uid": parent.uid()}]);
    all_runs.create(&PostParams::default(), &run("order-7-sub", &owner)?).await?;
    for (name, labels) in
        [("crm", json!({"smbcopilot.dev/workflow-secret": "true"})), ("of-others", json!({}))]
    {
        let secret = serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}}))?;
        tenant.api::<Secret>(&admin).create(&PostParams::default(), &secret).await?;
    }
    let dry_run = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let deletes_run = async |api: &Api<WorkflowRun>| api.delete("order-7", &dry_run).await.map(|_| ());
    let deletes_secret = async |name: &'static str| secrets.delete(name, &dry_run).await.map(|_| ());
    accepted("a deletion in an active tenant", || deletes_run(&runs)).await?;
    set_state(&admin, &tenant, json!("Archived")).await?;
    refused(NOT_DELETED, || deletes_run(&runs)).await?;
    refused(NOT_DELETED, || deletes_secret("crm")).await?;
    accepted("a Secret of others", || deletes_secret("of-others")).await?;
    accepted("a deletion by the operator", || deletes_run(&of_operator)).await?;
    all_runs.delete("order-7", &DeleteParams::background()).await?;
    let collected = async || Ok(all_runs.get_opt("order-7-sub").await?);
    wait::until("the garbage collector deletes the sub-run", COLLECTION_DEADLINE, collected, Option::is_none)
        .await?;
    tenant.delete().await
}

/// A person who may start runs does not change those of an archived tenant, each change of which would be one more event to export.
/// The operator, the api-server and administrators of the cluster go on.
#[tokio::test]
async fn the_runs_of_an_archived_tenant_are_not_changed_by_its_people() -> anyhow::Result<()> {
    let admin = client().await?;
    let tenant = TestNamespace::managed(&admin).await?;
    let otto = format!("{}@acme.example", unique("otto"));
    let subject = json!({"kind": "User", "name": otto, "apiGroup": "rbac.authorization.k8s.io"});
    tenant.bind("smb-copilot-tenant-operator", subject).await?;
    let runs = tenant.api::<WorkflowRun>(&client_as(&otto, &[]).await?);
    let all_runs = tenant.api::<WorkflowRun>(&admin);
    all_runs.create(&PostParams::default(), &run("order-7", &json!([]))?).await?;
    let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"example.com/note": "one more"}}}));
    let changes = async |api: &Api<WorkflowRun>, patch: &Patch<Value>| {
        api.patch("order-7", &dry_run, patch).await.map(|_| ())
    };
    accepted("a change in an active tenant", || changes(&runs, &patch)).await?;
    set_state(&admin, &tenant, json!("Archived")).await?;
    refused(NOT_DELETED, || changes(&runs, &patch)).await?;
    accepted("a change by an administrator of the cluster", || changes(&all_runs, &patch)).await?;
    let api_server = client_as("system:serviceaccount:smb-copilot:smb-copilot-api-server", &[]).await?;
    let of_api_server = tenant.api::<WorkflowRun>(&api_server);
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Graceful"}}));
    accepted("a cancellation by the api-server", || changes(&of_api_server, &cancel)).await?;
    tenant.delete().await
}
