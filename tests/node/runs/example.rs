//! The examples, applied server-side.

use std::{fs, path::Path};

use crds::{
    Tenant, WorkflowRun, WorkflowRunStatus,
    conditions::{READY, is_true},
    run::{RunPhase, WorkflowRunSpec},
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde::Deserialize as _;
use serde_json::json;
use tests::{cluster, wait};

use super::fixture::DEADLINE;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// The workflow `order-invoice` turns orders into invoices.
#[tokio::test]
async fn the_orders_of_the_example_become_invoices() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    for folder in ["services", "plans", "tenants"] {
        apply_folder(&client, folder).await?;
    }
    let tenants = Api::<Tenant>::all(client.clone());
    for tenant in ["acme", "globex"] {
        let is_ready =
            |tenant: &Tenant| tenant.status.as_ref().is_some_and(|status| is_true(&status.conditions, READY));
        wait::until("the tenant is ready", DEADLINE, async || Ok(tenants.get(tenant).await?), is_ready)
            .await?;
    }
    apply_folder(&client, "workflows").await?;
    let status = run_orders(&client).await?;
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    let output = status.output.unwrap_or_default();
    assert!(output["grossMinor"].as_i64().is_some_and(|gross| gross > 0), "{output}");
    assert_eq!(output["ordersRejected"].as_array().map(Vec::len), Some(1), "one line of the file is invalid");
    Ok(())
}

async fn run_orders(client: &Client) -> anyhow::Result<WorkflowRunStatus> {
    let orders = fs::read_to_string(Path::new(EXAMPLES).join("data/orders.csv"))?;
    let name = cluster::unique("order-invoice");
    let mut run = WorkflowRun::new(&name, WorkflowRunSpec::default());
    run.spec.workflow_ref.name = "order-invoice".to_owned();
    run.spec.input = Some(json!({"orders": orders}));
    let runs = Api::<WorkflowRun>::namespaced(client.clone(), "t-acme");
    k8s_client::create(&runs, &PostParams::default(), &run).await?;
    let has_ended = |status: &WorkflowRunStatus| status.phase.is_some_and(RunPhase::is_final);
    let observe = async || Ok(runs.get(&name).await?.status.unwrap_or_default());
    wait::until("the run has ended", DEADLINE, observe, has_ended).await
}

async fn apply_folder(client: &Client, folder: &str) -> anyhow::Result<()> {
    for file in fs::read_dir(Path::new(EXAMPLES).join(folder))? {
        let text = fs::read_to_string(file?.path())?;
        for document in serde_yaml::Deserializer::from_str(&text) {
            apply(client, &DynamicObject::deserialize(document)?).await?;
        }
    }
    Ok(())
}

async fn apply(client: &Client, object: &DynamicObject) -> anyhow::Result<()> {
    let types = object.types.clone().unwrap_or_default();
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.metadata.name.clone().unwrap_or_default();
    api.patch(&name, &PatchParams::apply("node-tests").force(), &Patch::Apply(object)).await?;
    Ok(())
}
