//! Checks that every YAML block of `docs/guides/writing-workflows.md` can be applied.

use std::{fs, time::Duration};

use crds::conditions::is_true;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tests::{cluster, tenant_namespace::TenantNamespace, wait};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/writing-workflows.md");
const DEADLINE: Duration = Duration::from_secs(60);

/// Every YAML block of the guide is a valid object.
#[tokio::test]
async fn every_block_of_the_guide_can_be_applied() -> anyhow::Result<()> {
    let objects = objects(&fs::read_to_string(GUIDE)?)?;
    assert!(objects.len() > 12, "the guide has only {} objects", objects.len());
    for object in &objects {
        apply(object).await?;
    }
    let workflows = TenantNamespace::for_tenant("acme").await?.workflows();
    for object in objects.iter().filter(|object| object["kind"] == "Workflow") {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let observe = async || {
            let status = workflows.get(name).await?.status.unwrap_or_default();
            Ok((is_true(&status.conditions, "Valid"), status.problems))
        };
        wait::until(&format!("workflow {name} is valid"), DEADLINE, observe, |(is_valid, _)| *is_valid)
            .await?;
    }
    Ok(())
}

/// Returns the objects of a page: complete ones, and lists of steps (` ```yaml steps`), which are wrapped in
/// a workflow.
fn objects(page: &str) -> anyhow::Result<Vec<Value>> {
    let mut objects = Vec::new();
    for block in page.split("```yaml").skip(1) {
        let (kind, rest) = block.split_once('\n').unwrap_or_default();
        let text = rest.split("\n```").next().unwrap_or_default();
        for document in serde_yaml::Deserializer::from_str(text) {
            let value = Value::deserialize(document)?;
            objects.push(if kind.trim() == "steps" { workflow_with_steps(&value) } else { value });
        }
    }
    Ok(objects)
}

fn workflow_with_steps(steps: &Value) -> Value {
    json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
           "metadata": {"name": cluster::unique("guide"), "namespace": "t-acme"}, "spec": {"steps": steps}})
}

/// Applies an object; a run is only applied in a dry run, since it would be executed.
async fn apply(object: &Value) -> anyhow::Result<()> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let resource =
        ApiResource::from_gvk(&GroupVersionKind::try_from(object.types.clone().unwrap_or_default())?);
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(cluster::client().await?, &namespace, &resource);
    match &object.metadata.name {
        Some(name) => {
            let params = PatchParams::apply("guide").force().validation_strict();
            api.patch(name, &params, &Patch::Apply(&object)).await?;
        }
        None => {
            api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await?;
        }
    }
    Ok(())
}

/// The blocks of a page are found, which the test above relies on.
#[test]
fn blocks_are_found() -> anyhow::Result<()> {
    let page = "text\n```yaml\na: 1\n---\nb: 2\n```\n```sh\nno\n```\n```yaml steps\n- {name: c}\n```\n";
    let found = objects(page)?;
    assert_eq!(found.get(..2), Some(&[json!({"a": 1}), json!({"b": 2})][..]));
    assert_eq!(found.get(2).and_then(|object| object.pointer("/spec/steps/0/name")), Some(&json!("c")));
    Ok(())
}
