//! The api-server can write only what its API offers.

use crds::{Tenant, Workflow, WorkflowRun};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    tenant_deletion::delete_confirmed,
    test_namespace::TestNamespace,
};

use super::{accepted, refused};

const ACCOUNT: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";
const GROUPS: [&str; 2] = ["system:serviceaccounts", "system:authenticated"];

/// All requests are sent as dry runs, so that they change nothing.
const DRY_RUN: PostParams = PostParams { dry_run: true, field_manager: None };

async fn api_server() -> anyhow::Result<Client> {
    client_as(ACCOUNT, &GROUPS).await
}

fn object<K: serde::de::DeserializeOwned>(name: &str, spec: &Value) -> serde_json::Result<K> {
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))
}

/// The api-server writes workflows only into namespaces of tenants, whatever it is made to send.
#[tokio::test]
async fn the_api_server_writes_workflows_only_in_namespaces_of_tenants() -> anyhow::Result<()> {
    let (admin, api_server) = (client().await?, api_server().await?);
    let (tenant, other) = (TestNamespace::managed(&admin).await?, TestNamespace::unmanaged(&admin).await?);
    let workflow: Workflow = object("intake", &json!({"steps": [{"name": "one", "expr": {"value": 1}}]}))?;
    let (inside, outside) = (tenant.api::<Workflow>(&api_server), other.api::<Workflow>(&api_server));
    refused("only in namespaces with the label", || outside.create(&DRY_RUN, &workflow)).await?;
    accepted("a workflow of a tenant", || inside.create(&DRY_RUN, &workflow)).await?;
    tenant.delete().await?;
    other.delete().await
}

/// The api-server changes name, plan, settings and state of a Tenant, and neither access, network, deletion nor annotations.
#[tokio::test]
async fn the_api_server_changes_only_some_fields_of_a_tenant() -> anyhow::Result<()> {
    let (admin, api_server) = (client().await?, api_server().await?);
    let (all, own) = (Api::<Tenant>::all(admin), Api::<Tenant>::all(api_server));
    let slug = unique("fenced");
    let spec = json!({"planRef": {"name": "starter"}, "onSuspend": "Drain"});
    all.create(&PostParams::default(), &object(&slug, &spec)?).await?;
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let access = json!([{"kind": "User", "name": "mallory@acme.example", "role": "admin"}]);
    for change in [
        json!({"spec": {"access": access}}),
        json!({"spec": {"namespace": {"adopt": true}}}),
        json!({"spec": {"network": {"egress": []}}}),
        json!({"spec": {"onSuspend": null}}),
        json!({"spec": {"deletionPolicy": "Delete"}}),
        json!({"spec": {"retention": {"archivedFor": "1s"}}}),
        json!({"metadata": {"annotations": {"smbcopilot.dev/confirm-delete": slug}}}),
        json!({"metadata": {"annotations": {"team": "bakery"}}}),
    ] {
        let patch = Patch::Merge(&change);
        refused("the api-server may not set or change", || own.patch(&slug, &params, &patch)).await?;
    }
    let new = json!({"planRef": {"name": "starter"}, "access": access});
    let tenant: Tenant = object(&unique("fenced"), &new)?;
    refused("may not set or change spec.access", || own.create(&DRY_RUN, &tenant)).await?;
    let change = Patch::Merge(json!({"spec": {
        "displayName": "Acme", "planRef": {"name": "business"}, "settings": {"currency": "EUR"}, "state": "Suspended",
    }}));
    accepted("a change that the API offers", || own.patch(&slug, &params, &change)).await?;
    let tenant: Tenant =
        object(&unique("fenced"), &json!({"planRef": {"name": "starter"}, "displayName": "Acme"}))?;
    accepted("a tenant with what the API offers", || own.create(&DRY_RUN, &tenant)).await?;
    delete_confirmed(&all, &slug).await
}

/// The api-server deletes runs that have finished, and no others.
#[tokio::test]
async fn the_api_server_deletes_only_finished_runs() -> anyhow::Result<()> {
    let (admin, api_server) = (client().await?, api_server().await?);
    let tenant = TestNamespace::managed(&admin).await?;
    let (all, own) = (tenant.api::<WorkflowRun>(&admin), tenant.api::<WorkflowRun>(&api_server));
    let name = unique("deleted");
    let run: WorkflowRun = object(&name, &json!({"workflowRef": {"name": "intake"}}))?;
    all.create(&PostParams::default(), &run).await?;
    let params = DeleteParams { dry_run: true, ..DeleteParams::default() };
    refused("may delete only runs that have finished", || own.delete(&name, &params)).await?;
    let finished = Patch::Merge(json!({"status": {"phase": "Cancelled"}}));
    all.patch_status(&name, &PatchParams::default(), &finished).await?;
    accepted("the deletion of a finished run", || own.delete(&name, &params)).await?;
    tenant.delete().await
}
