//! Secrets that workflows refer to.

use anyhow::Context as _;
use crds::{Workflow, run::RunPhase};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{fixture::Fixture, objects};

async fn create(fixture: &Fixture, name: &str, labels: Value) -> anyhow::Result<Api<Secret>> {
    let secrets: Api<Secret> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
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

/// A run fails with the name of a Secret that does not exist or is not permitted for workflows.
#[tokio::test]
async fn a_missing_secret_fails_the_run_with_its_name() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("secret", objects::plan()).await?;
    let secrets = create(&fixture, "erp-credentials", allowed()).await?;
    objects::create(&fixture.workflows, "Workflow", "intake", with_secret()).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("has-it", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("has-it").await?;
    let pod = fixture.pods.get(&fixture.pod_of("has-it").await?).await?;
    let mounted: Vec<_> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .filter(|container| container.volume_mounts.iter().flatten().any(|mount| mount.name == "secret-erp"))
        .map(|container| container.name.as_str())
        .collect();
    assert_eq!(mounted, ["runner"], "only the runner mounts the Secret");
    secrets.delete("erp-credentials", &DeleteParams::default()).await?;
    fails(&fixture, "gone", "Secret erp-credentials not found").await?;
    create(&fixture, "erp-credentials", json!({})).await?;
    fails(&fixture, "unlabelled", "add the label smbcopilot.dev/workflow-secret=true").await
}

/// A problem with a Secret has the same error code whether or not the workflow was validated since, and a run
/// that is started right after it was fixed succeeds.
#[tokio::test]
async fn a_problem_with_a_secret_has_one_error_code() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("secret-known", objects::plan()).await?;
    objects::create(&fixture.workflows, "Workflow", "intake", with_secret()).await?;
    let invalid = fixture.workflow_with_valid("intake", "False").await?;
    assert_eq!(problems(&invalid), ["MissingSecret"]);
    fails(&fixture, "never-there", "Secret erp-credentials not found").await?;
    let secrets = create(&fixture, "erp-credentials", allowed()).await?;
    fixture.run("mended", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("mended").await?;
    fixture.workflow_with_valid("intake", "True").await?;
    let other_key = Patch::Merge(json!({"data": {"token": null, "password": "czNjcmV0"}}));
    secrets.patch("erp-credentials", &PatchParams::default(), &other_key).await?;
    fails(&fixture, "key-gone", "has no key token").await?;
    // That run causes the workflow to be validated again.
    let invalid = fixture.workflow_with_valid("intake", "False").await?;
    assert_eq!(problems(&invalid), ["MissingSecretKey"]);
    fails(&fixture, "key-known-to-be-gone", "has no key token").await?;
    // An invalid input is reported first, whatever the order of the checks.
    fixture.run("wrong-input", json!({"quantity": "one"})).await?;
    let failed = fixture.run_until("wrong-input", "fails", |status| status.error.is_some()).await?;
    assert_eq!(failed.error.map(|error| error.code), Some("INPUT_INVALID".to_owned()));
    secrets.delete("erp-credentials", &DeleteParams::default()).await?;
    create(&fixture, "erp-credentials", allowed()).await?;
    // No run is started from here on.
    fixture.workflow_with_valid("intake", "True").await?;
    Ok(())
}

/// No run on an idle runner gets a Secret that is no longer permitted for workflows.
#[tokio::test]
async fn an_idle_runner_never_provides_a_revoked_secret() -> anyhow::Result<()> {
    let granted = json!({"keepAliveMax": "1h"});
    let fixture =
        Fixture::with_tenant("secret-stays", objects::with(objects::plan(), "runners", granted)).await?;
    let secrets = create(&fixture, "erp-credentials", allowed()).await?;
    let spec = objects::with(with_secret(), "runners", json!({"keepAlive": "30m"}));
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.finish_run("first").await?;
    let unlabelled = Patch::Merge(json!({"metadata": {"labels": {"smbcopilot.dev/workflow-secret": null}}}));
    secrets.patch("erp-credentials", &PatchParams::default(), &unlabelled).await?;
    fails(&fixture, "second", "add the label smbcopilot.dev/workflow-secret=true").await
}

fn allowed() -> Value {
    json!({"smbcopilot.dev/workflow-secret": "true"})
}

fn problems(workflow: &Workflow) -> Vec<&str> {
    let problems = workflow.status.iter().flat_map(|status| &status.problems);
    problems.map(|problem| problem.code.as_str()).collect()
}

async fn fails(fixture: &Fixture, run: &str, words: &str) -> anyhow::Result<()> {
    fixture.run(run, json!({"quantity": 1})).await?;
    let failed = fixture.run_until(run, "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    let error = failed.error.context("the failed run has no error")?;
    assert_eq!(error.code, "SECRET_MISSING");
    assert!(error.message.contains(words), "{}", error.message);
    assert!(fixture.jobs_of(run).await?.is_empty());
    Ok(())
}
