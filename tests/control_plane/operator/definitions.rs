//! Definitions of the custom resources that are replaced while the operator runs.

use anyhow::Context as _;
use crds::{Plan, Tenant, Workflow, WorkflowRun};
use k8s_openapi::{
    api::core::v1::ConfigMap, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, CustomResourceExt as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects};

/// Field of the spec that a later version adds.
const NEW_FIELD: &str = "ofALaterVersion";

/// Replaces the definition of every kind by one whose spec has this optional field in addition, or has it no longer.
async fn replace_definitions(fixture: &Fixture, field: Option<Value>) -> anyhow::Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(fixture.client.clone());
    for name in [Plan::crd_name(), Tenant::crd_name(), Workflow::crd_name(), WorkflowRun::crd_name()] {
        let mut definition = serde_json::to_value(definitions.get(name).await?)?;
        let fields = definition
            .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")
            .and_then(Value::as_object_mut)
            .with_context(|| format!("{name} has no schema of its spec"))?;
        match &field {
            Some(schema) => fields.insert(NEW_FIELD.to_owned(), schema.clone()),
            None => fields.remove(NEW_FIELD),
        };
        definitions.replace(name, &PostParams::default(), &serde_json::from_value(definition)?).await?;
    }
    Ok(())
}

/// Newer definitions stop nothing: tenants are set up and changed, also with a field that the operator does not know, and runs
/// continue. The operator leaves the field as it is.
#[tokio::test]
async fn newer_definitions_stop_neither_tenants_nor_runs() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("upgraded", objects::plan()).await?;
    fixture.run("before", json!({"quantity": 1})).await?;
    let pod = fixture.wait_until_assigned("before").await?;
    replace_definitions(&fixture, Some(json!({"type": "string"}))).await?;

    // With strict validation, a field is accepted once the API server serves the new definition.
    let kind = ApiResource::erase::<Tenant>(&());
    let tenants: Api<DynamicObject> = Api::all_with(fixture.client.clone(), &kind);
    let patch = Patch::Merge(json!({"spec": {NEW_FIELD: "kept", "settings": {"vat": 7}}}));
    let strict = PatchParams::default().validation_strict();
    let accepted = async || Ok(tenants.patch(&fixture.slug, &strict, &patch).await.is_ok());
    wait::until("the new field is accepted", DEADLINE, accepted, |accepted| *accepted).await?;
    let config: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let settings = async || Ok(config.get("tenant").await?.data.unwrap_or_default()["settings"].clone());
    wait::until("the settings are applied", DEADLINE, settings, |found| found == r#"{"vat":7}"#).await?;

    let created = Fixture::with_tenant("after", objects::plan()).await?;
    fixture.run("after", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("after").await?;
    let status = fixture.runs.get("before").await?.status.unwrap_or_default();
    assert_eq!(super::fixture::assigned_pod(&status), Some(pod));
    fixture.finish_run("before").await?;
    fixture.wait_until_jobs_deleted("before").await?;
    fixture.tenant_with_ready("True").await?;
    assert_eq!(tenants.get(&fixture.slug).await?.data["spec"][NEW_FIELD], "kept");

    // An older version is installed again: its definition prunes the field, and everything continues.
    replace_definitions(&fixture, None).await?;
    created.patch_tenant(json!({"state": "Suspended"})).await?;
    created.tenant_with_reason("Ready", "Suspended").await.map(drop)
}
