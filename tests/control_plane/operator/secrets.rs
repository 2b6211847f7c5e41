//! Secrets that workflows name.

use anyhow::Context as _;
use crds::{Workflow, run::RunPhase};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
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
    let code = "def run(input, ctx):\n    return 1";
    let python = json!({"code": code, "env": {"TOKEN": "${{ secrets.erp.token }}"}});
    let steps = json!([{"name": "parse", "python": python}]);
    objects::with(objects::with(objects::intake(), "secrets", secrets), "steps", steps)
}

/// A run whose Secret is gone waits for ever for its pod; or gets one that nobody allowed workflows to read.
#[tokio::test]
async fn a_secret_that_is_gone_fails_the_run_by_name() -> anyhow::Result<()> {
    let world = World::with_tenant("secret", objects::plan()).await?;
    let secrets = create(&world, "erp-credentials", allowed()).await?;
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
    fails(&world, "gone", "Secret erp-credentials not found").await?;
    create(&world, "erp-credentials", json!({})).await?;
    fails(&world, "unlabelled", "add the label smbcopilot.dev/workflow-secret=true").await
}

/// The same mistake has another code when somebody has looked at the workflow meanwhile; and once it is mended, the
/// run that is started at once fails nevertheless.
#[tokio::test]
async fn what_is_wrong_with_a_secret_is_said_alike_whether_the_workflow_knows_it_or_not() -> anyhow::Result<()>
{
    let world = World::with_tenant("secret-known", objects::plan()).await?;
    objects::create(&world.workflows, "Workflow", "intake", with_secret()).await?;
    let invalid = world.workflow_with_valid("intake", "False").await?;
    assert_eq!(problems(&invalid), ["MissingSecret"]);
    fails(&world, "never-there", "Secret erp-credentials not found").await?;
    let secrets = create(&world, "erp-credentials", allowed()).await?;
    world.run("mended", json!({"quantity": 1})).await?;
    world.assigned("mended").await?;
    world.workflow_with_valid("intake", "True").await?;
    let other_key = Patch::Merge(json!({"data": {"token": null, "password": "czNjcmV0"}}));
    secrets.patch("erp-credentials", &PatchParams::default(), &other_key).await?;
    fails(&world, "key-gone", "has no key token").await?;
    // That run has the workflow looked at again.
    let invalid = world.workflow_with_valid("intake", "False").await?;
    assert_eq!(problems(&invalid), ["MissingSecretKey"]);
    fails(&world, "key-known-to-be-gone", "has no key token").await?;
    // A wrong input is told first, in both orders.
    world.run("wrong-input", json!({"quantity": "one"})).await?;
    let failed = world.run_until("wrong-input", "fails", |status| status.error.is_some()).await?;
    assert_eq!(failed.error.map(|error| error.code), Some("INPUT_INVALID".to_owned()));
    secrets.delete("erp-credentials", &DeleteParams::default()).await?;
    create(&world, "erp-credentials", allowed()).await?;
    // Nobody starts a run now.
    world.workflow_with_valid("intake", "True").await?;
    Ok(())
}

/// A runner that stays has the Secret of yesterday, and a run gets what an admin took away from workflows.
#[tokio::test]
async fn a_runner_that_stays_gives_no_run_a_secret_that_was_taken_away() -> anyhow::Result<()> {
    let granted = json!({"keepAliveMax": "1h"});
    let world =
        World::with_tenant("secret-stays", objects::with(objects::plan(), "runners", granted)).await?;
    let secrets = create(&world, "erp-credentials", allowed()).await?;
    let spec = objects::with(with_secret(), "runners", json!({"keepAlive": "30m"}));
    objects::create(&world.workflows, "Workflow", "intake", spec).await?;
    world.workflow_with_valid("intake", "True").await?;
    world.run("first", json!({"quantity": 1})).await?;
    world.assigned("first").await?;
    world.finish_run("first").await?;
    let unlabelled = Patch::Merge(json!({"metadata": {"labels": {"smbcopilot.dev/workflow-secret": null}}}));
    secrets.patch("erp-credentials", &PatchParams::default(), &unlabelled).await?;
    fails(&world, "second", "must be labelled").await
}

fn allowed() -> Value {
    json!({"smbcopilot.dev/workflow-secret": "true"})
}

fn problems(workflow: &Workflow) -> Vec<&str> {
    let problems = workflow.status.iter().flat_map(|status| &status.problems);
    problems.map(|problem| problem.code.as_str()).collect()
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
