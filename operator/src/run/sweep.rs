//! What events cannot be relied on for: Jobs that a crash left behind, and finished runs past their retention.

use std::{collections::HashSet, convert::Infallible, sync::Arc, time::Duration};

use crds::{WorkflowRun, labels};
use k8s_openapi::api::batch::v1::Job;
use kube::{Api, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use tokio_util::sync::CancellationToken;

use super::{retire, settle::clear_up};
use crate::{
    api,
    context::Context,
    errors::{Error, chain},
};

/// A Job that was left behind holds its share of the quota for at most this long.
const PERIOD: Duration = Duration::from_secs(60);

/// Sweeps at once, then every minute, until asked to stop.
pub(crate) async fn sweep(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(PERIOD);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = sweep_jobs(&ctx).await {
            tracing::warn!(error = chain(&error), "failed to look for Jobs left behind");
        }
        let pods: HashSet<_> =
            ctx.stores.pods.state().iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
        ctx.pulls.keep(|pod| pods.contains(pod));
        ctx.pool.keep(|pod| pods.contains(pod));
        let workflows: HashSet<_> = ctx
            .stores
            .workflows
            .state()
            .iter()
            .filter_map(|workflow| workflow.metadata.uid.clone())
            .collect();
        ctx.pruned.keep(|workflow| workflows.contains(workflow));
        if let Err(error) = retire::retire(&ctx, telemetry::clock::now()).await {
            tracing::warn!(error = chain(&error), "failed to delete runs past their retention");
        }
    }
    Ok(())
}

async fn sweep_jobs(ctx: &Arc<Context>) -> Result<(), Error> {
    let jobs: Api<Job> = Api::all(ctx.client.clone());
    let jobs = api::list(&jobs, ListParams::default().labels(labels::RUN)).await?;
    let mut runs: Vec<_> = jobs.iter().filter_map(run_of).collect();
    runs.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    runs.dedup();
    for run in runs.iter().filter(|run| ctx.stores.runs.get(run).is_none()) {
        clear_up(ctx, run).await?;
    }
    Ok(())
}

fn run_of(job: &Job) -> Option<ObjectRef<WorkflowRun>> {
    let run = job.labels().get(labels::RUN)?;
    Some(ObjectRef::new(run).within(&job.namespace()?))
}
