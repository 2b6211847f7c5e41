//! Tests of two operators that reconcile at the same time, for example while the lease changes its holder.

use std::collections::BTreeSet;

use crds::WorkflowRunStatus;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use tests::wait;

use super::{
    DEADLINE,
    fixture::{Fixture, assigned_pod},
    objects,
    process::SecondOperator,
};

const RUNS: [&str; 4] = ["first", "second", "third", "fourth"];

/// Two operators do no harm to each other's work: each run gets one pod of its own, a lost one is replaced once, and the
/// revision of a deleted workflow lives as long as a run needs it.
#[tokio::test]
async fn two_operators_do_no_harm() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("two", objects::plan()).await?;
    let _second = SecondOperator::start(&fixture.client).await?;
    let mut pods = BTreeSet::new();
    for run in RUNS {
        fixture.run(run, json!({"quantity": 1})).await?;
    }
    for run in RUNS {
        pods.insert(fixture.wait_until_assigned(run).await?);
        assert_eq!(fixture.jobs_of(run).await?.len(), 1, "{run}");
    }
    assert_eq!(pods.len(), RUNS.len(), "each run has a pod of its own");
    fixture.workflows.delete("intake", &DeleteParams::default()).await?;
    let lost = fixture.wait_until_assigned("first").await?;
    fixture.delete_pod(&fixture.pod_of("first").await?).await?;
    let other = |status: &WorkflowRunStatus| assigned_pod(status).is_some_and(|now| now != lost);
    let status = fixture.run_until("first", "has another pod", other).await?;
    assert_eq!(status.runner.and_then(|runner| runner.lost).map(|lost| lost.count), Some(1));
    for run in RUNS {
        fixture.finish_run(run).await?;
    }
    for run in RUNS {
        fixture.wait_until_jobs_deleted(run).await?;
    }
    let revisions: Api<ControllerRevision> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let left = async || Ok(revisions.list(&ListParams::default()).await?.items);
    wait::until("the revision is deleted", DEADLINE, left, Vec::is_empty).await?;
    Ok(())
}
