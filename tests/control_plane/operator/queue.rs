//! Runs that are queued for a slot or for resources.

use crds::{WorkflowRunStatus, run::RunPhase};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects};

fn reason(status: &WorkflowRunStatus) -> Option<&str> {
    status.queue.as_ref().map(|queue| queue.reason.as_str())
}

/// Runs beyond the plan's concurrency are queued, and start when a slot is released.
#[tokio::test]
async fn runs_beyond_the_plans_limit_wait_for_a_slot() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("limit", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    let waiting =
        fixture.run_until("second", "waits", |status| reason(status) == Some("PlanConcurrency")).await?;
    assert_eq!(waiting.queue.and_then(|queue| queue.position), Some(1));
    assert!(waiting.revision.is_some(), "a queued run is pinned to a revision");
    assert!(fixture.jobs_of("second").await?.is_empty());
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    assert_eq!(fixture.runs.get("second").await?.status.unwrap_or_default().queue, None);
    Ok(())
}

/// A run that does not fit into the quota is queued with the reason, and starts when resources are available.
#[tokio::test]
async fn a_run_without_resources_is_queued_and_starts_when_they_are_available() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["namespace"]["pods"] = json!(1);
    let fixture = Fixture::with_workflow("full", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    let waiting =
        fixture.run_until("second", "waits", |status| reason(status) == Some("ClusterFull")).await?;
    let message = waiting.queue.map(|queue| queue.message).unwrap_or_default();
    assert!(message.contains("exceeded quota"), "{message}");
    assert!(fixture.jobs_of("second").await?.is_empty());
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    Ok(())
}

/// A run that is cancelled while it is queued never starts.
#[tokio::test]
async fn a_queued_run_is_cancelled_at_once() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("cancel", plan).await?;
    for name in ["first", "second"] {
        fixture.run(name, json!({"quantity": 1})).await?;
        fixture.run_until(name, "is reconciled", |status| status.phase.is_some()).await?;
    }
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Graceful"}}));
    fixture.runs.patch("second", &PatchParams::default(), &cancel).await?;
    fixture.run_until("second", "is cancelled", |status| status.phase == Some(RunPhase::Cancelled)).await?;
    Ok(())
}

/// Returns a policy that refuses the deletion of Jobs in a namespace, with its binding.
fn refuse_deletions(
    name: &str,
    namespace: &str,
) -> anyhow::Result<(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)> {
    let rule = json!({"apiGroups": ["batch"], "apiVersions": ["*"], "resources": ["jobs"], "operations": ["DELETE"]});
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": "the test refuses this"}],
        },
    });
    let binding = json!({
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    Ok((serde_json::from_value(policy)?, serde_json::from_value(binding)?))
}

/// The slot of a run that has ended goes to the next run although the rest of the run's resources cannot be released.
#[tokio::test]
async fn the_slot_of_an_ended_run_is_free_although_its_job_cannot_be_deleted() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("stuck-job", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    let (policy, binding) = refuse_deletions(&fixture.slug, &fixture.namespace)?;
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(fixture.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(fixture.client.clone());
    policies.create(&PostParams::default(), &policy).await?;
    bindings.create(&PostParams::default(), &binding).await?;
    let job = fixture.jobs_of("first").await?.first().map(|job| job.name_any()).unwrap_or_default();
    let dry_run = DeleteParams { dry_run: true, ..DeleteParams::background() };
    let refused = async || Ok(fixture.jobs.delete(&job, &dry_run).await.is_err());
    wait::until("the policy is in force", DEADLINE, refused, |refused| *refused).await?;
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    assert_eq!(fixture.jobs_of("first").await?.len(), 1, "the Job could not be deleted");
    bindings.delete(&fixture.slug, &DeleteParams::default()).await?;
    policies.delete(&fixture.slug, &DeleteParams::default()).await?;
    fixture.wait_until_jobs_deleted("first").await
}
