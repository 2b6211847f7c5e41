//! Periodic sweep for what events do not cover: Jobs and revisions left behind by a crash, state of deleted objects, and
//! finished runs past their retention.

use std::{
    collections::{BTreeSet, HashSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use crds::{Workflow, WorkflowRun, labels};
use k8s_openapi::api::{apps::v1::ControllerRevision, batch::v1::Job};
use kube::{Api, Resource, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use tokio_util::sync::CancellationToken;

use super::{audit::SlotAudit, deleted_workflow::release_workflow, release::release_run, retire};
use crate::{
    api,
    context::Context,
    errors::{Error, chain, without_panic},
};

/// Interval between sweeps. A Job that was left behind uses quota for at most this time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Sweeps at once and then at every interval, until `stop` is cancelled.
pub(crate) async fn sweep(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    let mut slots = SlotAudit::default();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        slots.audit(&ctx).await;
        if let Err(error) = without_panic(release_orphaned_jobs(&ctx)).await {
            tracing::warn!(error = chain(&error), "failed to release Jobs that were left behind");
        }
        if let Err(error) = without_panic(release_deleted_workflows(&ctx)).await {
            tracing::warn!(error = chain(&error), "failed to release deleted workflows");
        }
        forget_deleted_objects(&ctx);
        if let Err(error) = without_panic(retire::retire(&ctx, telemetry::clock::now())).await {
            tracing::warn!(error = chain(&error), "failed to delete runs past their retention");
        }
    }
    Ok(())
}

/// Releases the runs that have a Job and are not in the watch.
async fn release_orphaned_jobs(ctx: &Context) -> Result<(), Error> {
    let jobs: Api<Job> = Api::all(ctx.client.clone());
    let jobs = api::list(&jobs, ListParams::default().labels(labels::RUN)).await?;
    let mut runs: Vec<_> = jobs.iter().filter_map(run_of_job).collect();
    runs.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    runs.dedup();
    let mut outcome = Ok(());
    for run in runs.iter().filter(|run| ctx.stores.runs.get(run).is_none()) {
        // A run that cannot be released does not keep the others from it.
        outcome = outcome.and(without_panic(release_run(ctx, run, None)).await);
    }
    outcome
}

fn run_of_job(job: &Job) -> Option<ObjectRef<WorkflowRun>> {
    let run = job.labels().get(labels::RUN)?;
    Some(ObjectRef::new(run).within(&job.namespace()?))
}

/// Releases the workflows that have revisions and are not in the watch.
async fn release_deleted_workflows(ctx: &Context) -> Result<(), Error> {
    let revisions: Api<ControllerRevision> = Api::all(ctx.client.clone());
    let of_workflows = format!("{}={},{}", labels::APP_PART_OF, labels::PART_OF, labels::WORKFLOW);
    let revisions = api::list_metadata(&revisions, ListParams::default().labels(&of_workflows)).await?;
    let named = revisions.iter().filter_map(|revision| {
        let workflow = revision.labels().get(labels::WORKFLOW)?;
        Some((revision.namespace()?, workflow.clone()))
    });
    let mut outcome = Ok(());
    for (namespace, name) in named.collect::<BTreeSet<_>>() {
        let workflow = ObjectRef::<Workflow>::new(&name).within(&namespace);
        if ctx.stores.workflows.get(&workflow).is_none() {
            // A workflow that cannot be released does not keep the others from it.
            outcome = outcome.and(without_panic(release_workflow(ctx, &workflow)).await);
        }
    }
    outcome
}

/// Removes the state of pods and workflows that were deleted.
fn forget_deleted_objects(ctx: &Context) {
    let pods = uids(&ctx.stores.pods.state());
    ctx.image_pulls.retain(|pod| pods.contains(pod));
    ctx.reservations.retain(|pod| pods.contains(pod));
    let workflows = uids(&ctx.stores.workflows.state());
    ctx.revision_scans.retain(|workflow| workflows.contains(workflow));
    ctx.validations.retain(|workflow| workflows.contains(workflow));
}

fn uids<K: Resource>(objects: &[Arc<K>]) -> HashSet<String> {
    objects.iter().filter_map(|object| object.meta().uid.clone()).collect()
}
