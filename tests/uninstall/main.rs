//! The deletion of the definition of tenants, which an administrator has confirmed.
//!
//! It concerns every tenant of the cluster, so it has a test program of its own, which runs after all others.

use std::time::Duration;

use anyhow::Context as _;
use crds::{Plan, Tenant, Workflow, labels};
use k8s_openapi::{
    api::core::v1::{Namespace, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, CustomResourceExt as _, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{
    cluster::{client, unique},
    operator_process::OperatorProcess,
    qdrant_process,
    tenant_deletion::annotate,
    wait,
};

/// Deadline of a wait: Kubernetes looks every five seconds whether the objects of a definition are deleted.
const DEADLINE: Duration = Duration::from_secs(120);

async fn create<K>(api: &Api<K>, kind: &str, name: &str, spec: Value) -> anyhow::Result<K>
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    });
    Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
}

/// Waits until a condition of a tenant is true, and returns the tenant.
async fn until_true(tenants: &Api<Tenant>, slug: &str, kind: &str) -> anyhow::Result<Tenant> {
    let holds = |tenant: &Tenant| {
        let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
        crds::conditions::is_true(conditions, kind)
    };
    wait::until(&format!("{kind} is true"), DEADLINE, async || Ok(tenants.get(slug).await?), holds).await
}

/// Deletes the definition of tenants, and waits until it is gone with all Tenants. Returns it as it can be installed again.
async fn delete_definition(client: &Client) -> anyhow::Result<CustomResourceDefinition> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = Tenant::crd_name();
    let definition = definitions.get(name).await?;
    let confirmed = Patch::Merge(json!({"metadata": {"annotations": {labels::CONFIRM_DELETE: name}}}));
    definitions.patch(name, &PatchParams::default(), &confirmed).await?;
    definitions.delete(name, &DeleteParams::default()).await?;
    let found = async || Ok(definitions.get_opt(name).await?.map(|definition| definition.status));
    wait::until("the definition is deleted", DEADLINE, found, Option::is_none).await?;
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: definition.metadata.labels,
        annotations: definition.metadata.annotations,
        ..ObjectMeta::default()
    };
    Ok(CustomResourceDefinition { metadata, status: None, ..definition })
}

/// Whoever deletes the definition of tenants deletes no tenant's data, not even where the deletion of the tenant was confirmed and its
/// policy is `Delete`: the namespace stays with its content, and so do the vectors. When the definition is installed again, a Tenant
/// of the same name restores the data.
#[tokio::test]
async fn the_data_of_tenants_survives_the_deletion_of_their_definition() -> anyhow::Result<()> {
    let client = client().await?;
    let qdrant = qdrant_process::client().await?;
    let _operator = OperatorProcess::start(&client, &unique("uninstall"), "127.0.0.1:0").await?;
    let (slug, tenants) = (unique("survives"), Api::<Tenant>::all(client.clone()));
    let namespace = format!("t-{slug}");
    let plan = json!({"vectors": {"placement": "Dedicated", "model": "minilm"}});
    create(&Api::<Plan>::all(client.clone()), "Plan", &slug, plan).await?;
    let spec = json!({"planRef": {"name": slug}, "deletionPolicy": "Delete"});
    create(&tenants, "Tenant", &slug, spec.clone()).await?;
    until_true(&tenants, &slug, "Ready").await?;
    let tenant = until_true(&tenants, &slug, "VectorStoreReady").await?;
    let uid = tenant.uid().context("the tenant has no UID")?;
    let collection = tenant.status.and_then(|status| status.vectors?.collection).context("no collection")?;
    let workflows = Api::<Workflow>::namespaced(client.clone(), &namespace);
    let steps = json!({"steps": [{"name": "one", "expr": {"value": "${{ 1 }}"}}]});
    create(&workflows, "Workflow", "intake", steps).await?;
    let secrets = Api::<Secret>::namespaced(client.clone(), &namespace);
    let secret = json!({"metadata": {"name": "credentials"}, "stringData": {"password": "s3cret"}});
    secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    annotate(&tenants, &slug, json!({labels::CONFIRM_DELETE: slug})).await?;

    let definition = delete_definition(&client).await?;

    let found = Api::<Namespace>::all(client.clone()).get(&namespace).await?;
    assert_eq!(found.metadata.deletion_timestamp, None, "the namespace is not being deleted");
    workflows.get("intake").await?;
    secrets.get("credentials").await?;
    assert!(qdrant.collection_exists(collection.as_str()).await?, "the vectors still exist");

    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &definition).await?;
    let served = async || Ok(create(&tenants, "Tenant", &slug, spec.clone()).await.is_ok());
    wait::until("a Tenant can be created again", DEADLINE, served, |served| *served).await?;
    annotate(&tenants, &slug, json!({labels::RESTORE_FROM: uid})).await?;
    let restored = until_true(&tenants, &slug, "Ready").await?;
    let found = Api::<Namespace>::all(client.clone()).get(&namespace).await?;
    assert_eq!(found.annotations().get(labels::TENANT_UID), restored.metadata.uid.as_ref());
    workflows.get("intake").await.map(drop).context("the workflow is not there any more")
}
