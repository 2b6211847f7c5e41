//! Container images and the registries of the plan.

use anyhow::Context as _;
use crds::run::RunPhase;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{fixture::Fixture, objects};

fn with_image(image: &str) -> Value {
    json!({"steps": [{"name": "tool", "container": {"image": image, "command": ["x"]}}]})
}

/// No workflow makes a node connect to an address or to a registry that the plan does not allow, or uses an image that only
/// the node has.
#[tokio::test]
async fn an_image_that_the_plan_does_not_allow_is_a_problem_of_the_workflow() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("images", objects::plan()).await?;
    for (name, image, code) in [
        ("itself", "localhost:6443/x/y:z", "ImageInvalid"),
        ("address", "10.244.0.7:5432/x", "ImageInvalid"),
        ("foreign", "registry.evil.example/x", "ImageNotAllowed"),
        ("platform", "docker.io/smb-copilot/runner:local", "ImageNotAllowed"),
    ] {
        objects::create(&fixture.workflows, "Workflow", name, with_image(image)).await?;
        let status = fixture.workflow_with_valid(name, "False").await?.status.unwrap_or_default();
        let problems: Vec<_> =
            status.problems.iter().map(|problem| (problem.path.as_str(), problem.code.as_str())).collect();
        assert_eq!(problems, [("spec.steps[0].container.image", code)], "{image}");
    }
    Ok(())
}

/// A workflow is checked again when the registries of its plan change, and a run that waits since then starts no pod.
#[tokio::test]
async fn a_changed_plan_applies_to_workflows_and_waiting_runs() -> anyhow::Result<()> {
    let plan = objects::with(objects::plan(), "limits", json!({"concurrentRuns": 0}));
    let fixture = Fixture::with_tenant("registries", plan).await?;
    objects::create(&fixture.workflows, "Workflow", "intake", with_image("python:3.13")).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("waits", json!({})).await?;
    fixture.run_until("waits", "waits", |status| status.queue.is_some() && status.revision.is_some()).await?;
    let change = Patch::Merge(
        json!({"spec": {"limits": {"concurrentRuns": 1}, "registries": ["registry.acme.example"]}}),
    );
    fixture.plans.patch(&fixture.slug, &PatchParams::default(), &change).await?;
    let failed = fixture.run_until("waits", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    let error = failed.error.context("the failed run has no error")?;
    assert_eq!(error.code, "IMAGE_NOT_ALLOWED", "{}", error.message);
    assert!(fixture.jobs_of("waits").await?.is_empty());
    fixture.workflow_with_valid("intake", "False").await?;
    Ok(())
}
