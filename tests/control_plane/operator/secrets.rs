//! Secrets that workflows name.

use anyhow::Context as _;
use crds::run::RunPhase;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use super::{objects, world::World};

async fn create(world: &World, name: &str, labels: Value) -> anyhow::Result<Api<Secret>> {
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    let secret =
        json!({"metadata": {"name": name, "labels": labels}, "stringData": {"token": "s3cret-t0ken"}});
    secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    Ok(secrets)
}

fn with_secret() -> Value {
    let secrets = json!([{"name": "erp", "secretRef": {"name": "erp-credentials"}}]);
    objects::with(objects::intake(), "secrets", secrets)
}

/// A run whose Secret is gone waits for ever for its pod; or gets one that nobody allowed workflows to read.
#[tokio::test]
async fn a_secret_that_is_gone_fails_the_run_by_name() -> anyhow::Result<()> {
    let world = World::with_tenant("secret", objects::plan()).await?;
    let secrets =
        create(&world, "erp-credentials", json!({"smbcopilot.dev/workflow-secret": "true"})).await?;
    objects::create(&world.workflows, "Workflow", "intake", with_secret()).await?;
    world.workflow_with_valid("intake", "True").await?;
    world.run("has-it", json!({"quantity": 1})).await?;
    world.assigned("has-it").await?;
    let pod = world.pods.get(&world.pod_of("has-it").await?).await?;
    let mounted: Vec<_> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .filter(|container| container.volume_mounts.iter().flatten().any(|mount| mount.name == "secret-erp"))
        .map(|container| container.name.as_str())
        .collect();
    assert_eq!(mounted, ["runner"], "no code of a step may read it");
    secrets.delete("erp-credentials", &DeleteParams::default()).await?;
    fails(&world, "gone", "there is no Secret erp-credentials").await?;
    create(&world, "erp-credentials", json!({})).await?;
    fails(&world, "unlabelled", "lacks the label smbcopilot.dev/workflow-secret=true").await
}

async fn fails(world: &World, run: &str, words: &str) -> anyhow::Result<()> {
    world.run(run, json!({"quantity": 1})).await?;
    let failed = world.run_until(run, "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    let error = failed.error.context("a failed run without error")?;
    assert_eq!(error.code, "SECRET_MISSING");
    assert!(error.message.contains(words), "{}", error.message);
    assert!(world.jobs_of(run).await?.is_empty());
    Ok(())
}
