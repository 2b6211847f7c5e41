//! Fifth stage of a run's reconcile: replaces the pod of a run after a loss.

use std::collections::BTreeSet;

use crds::{names, run::LostRunner};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::runtime::controller::Action;

use super::{
    admission::{Admitted, require_secrets},
    apply::write_status,
    assignment::{attempt_of_job, create_runner, next_attempt},
    observe::{PodState, Snapshot},
    stage::Stage,
    status,
};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// Creates the Job that is recorded in the status of a run, which has no pod.
///
/// # Errors
/// Returns an exit if the run has to wait or ends, or if the API server cannot be reached.
pub(super) async fn recreate(
    ctx: &Context,
    snapshot: &Snapshot,
    admitted: &Admitted,
    job: &str,
    now: Timestamp,
) -> Stage<Action> {
    require_secrets(ctx, snapshot, admitted).await?;
    let revision = admitted.revision();
    let recorded = attempt_of_job(&snapshot.uid, revision, job);
    let attempt = recorded.unwrap_or_else(|| next_attempt(snapshot, revision));
    create_runner(ctx, snapshot, revision, attempt, now).await
}

/// Fences out a lost pod, deletes its Job, and creates the next one.
///
/// The loss is written first, so that nothing is lost if the operator is killed in between. The old Job is deleted before
/// the next pod is created, so that its share of the quota is free.
///
/// # Errors
/// Returns an exit if the run has to wait or ends, or if the API server cannot be reached.
pub(super) async fn replace(
    ctx: &Context,
    snapshot: &Snapshot,
    admitted: &Admitted,
    lost: LostRunner,
    now: Timestamp,
) -> Stage<Action> {
    require_secrets(ctx, snapshot, admitted).await?;
    let revision = admitted.revision();
    let attempt = next_attempt(snapshot, revision);
    let job = names::runner_job(&revision.uid, &snapshot.uid, attempt);
    write_status(&ctx.client, snapshot, status::lost(snapshot, &job, &revision.reference(), &lost, now))
        .await?;
    ctx.metrics.runners_lost.inc();
    let reason = lost.reason.unwrap_or_default();
    tracing::info!(
        run.name = snapshot.name,
        run.id = snapshot.uid,
        reason,
        losses = lost.count,
        "a run lost its pod"
    );
    delete_old_jobs(ctx, snapshot, &job).await?;
    create_runner(ctx, snapshot, revision, attempt, now).await
}

/// Deletes the Jobs of a run's pods, except for pooled pods that are not lost. The recorded Job is deleted even if no pod
/// of it is observed: the pod may have been deleted while no operator was running.
async fn delete_old_jobs(ctx: &Context, snapshot: &Snapshot, next: &str) -> Result<(), Error> {
    let jobs = within::<Job>(&ctx.client, &snapshot.namespace);
    let recorded = snapshot.status().runner.and_then(|runner| runner.job);
    let pods = snapshot.pods.iter().filter(|pod| !pod.is_pooled || matches!(pod.state, PodState::Lost(_)));
    let old: BTreeSet<String> = pods.map(|pod| pod.job.clone()).chain(recorded).collect();
    let mut outcome = Ok(());
    for job in old.iter().filter(|job| *job != next) {
        // A Job that cannot be deleted does not keep the others from it.
        outcome = outcome.and(api::delete(&jobs, job, None).await);
    }
    outcome
}
