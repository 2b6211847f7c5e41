//! Release of the resources of a run: its Jobs are deleted, its slot goes to another run, and its workflow's
//! status is updated.

use std::{convert::Infallible, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use compute::Shares;
use crds::WorkflowRun;
use futures::{StreamExt as _, stream};
use kube::{Resource as _, runtime::reflector::ObjectRef};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    super::admission::release_slot,
    jobs::{delete_jobs_of_run, has_ended},
};
use crate::{
    api::{self, within},
    context::Context,
    errors::{Error, chain, without_panic},
    events::NewEvent,
};

/// Maximum number of runs that are released concurrently, with three requests each.
const MAX_CONCURRENT_RELEASES: usize = 16;
/// Maximum number of runs of one tenant that are released concurrently, as for reconciles.
const MAX_CONCURRENT_RELEASES_PER_TENANT: usize = 4;
/// Timeout of one attempt to release a run.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of retries. After them, the next sweep releases the run.
const MAX_RETRIES: usize = 3;
/// Delay before the first retry; it doubles with each one.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Releases the runs that have left the watch, until `stop` is cancelled.
pub(crate) async fn release(
    ctx: Arc<Context>,
    mut runs: mpsc::Receiver<ObjectRef<WorkflowRun>>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let runs = stream::poll_fn(move |task| runs.poll_recv(task)).take_until(stop.clone().cancelled_owned());
    let shares = Shares::new(MAX_CONCURRENT_RELEASES, MAX_CONCURRENT_RELEASES_PER_TENANT);
    // The shares bound the concurrency. Every run is taken from the queue at once, so that tenants can take turns.
    runs.for_each_concurrent(None, async |run| {
        let permit = shares.acquire(run.namespace.as_deref().unwrap_or_default());
        // A release that has not begun is not awaited when the process stops: the next sweep covers it.
        if let Some(_permit) = stop.run_until_cancelled(permit).await {
            release_with_retries(&ctx, run).await;
        }
    })
    .await;
    Ok(())
}

async fn release_with_retries(ctx: &Context, run: ObjectRef<WorkflowRun>) {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(FIRST_RETRY_DELAY)
        .with_max_times(MAX_RETRIES)
        .with_jitter();
    let attempt = || async {
        tokio::time::timeout(RELEASE_TIMEOUT, without_panic(release_run(ctx, &run)))
            .await
            .unwrap_or(Err(Error::Timeout { seconds: RELEASE_TIMEOUT.as_secs() }))
    };
    let log = |error: &Error, retry_in: Option<Duration>| {
        tracing::warn!(run.name = run.name, ?retry_in, error = chain(error), "failed to release a run");
    };
    if let Err(error) = attempt.retry(backoff).notify(|error, delay| log(error, Some(delay))).await {
        log(&error, None);
    }
}

/// Releases the resources of a run. The run is read again, since the event by which it left the watch
/// contains its old content.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn release_run(ctx: &Context, run: &ObjectRef<WorkflowRun>) -> Result<(), Error> {
    let namespace = run.namespace.clone().unwrap_or_default();
    let current = api::get(&within::<WorkflowRun>(&ctx.client, &namespace), &run.name).await?;
    delete_jobs_of_run(&ctx.client, &namespace, &run.name, current.as_ref()).await?;
    let ended = current.as_ref().filter(|run| has_ended(run));
    let current_uid = current.as_ref().and_then(|run| run.metadata.uid.as_ref());
    let deleted_uid = run.extra.uid.as_ref().filter(|uid| current_uid != Some(*uid));
    let ended_uid = ended.and_then(|run| run.metadata.uid.as_ref());
    for uid in ended_uid.into_iter().chain(deleted_uid) {
        release_slot(ctx, uid).await;
    }
    if let Some(run) = ended {
        ctx.last_runs.record(run);
        publish_failure(ctx, run);
    }
    Ok(())
}

/// Publishes an Event about a run that failed. Nothing is published about other runs.
fn publish_failure(ctx: &Context, run: &WorkflowRun) {
    let Some(error) = run.status.as_ref().and_then(|status| status.error.as_ref()) else { return };
    let step = error.step.as_ref().map(|step| format!("step {step}: ")).unwrap_or_default();
    let message = format!("{step}{}: {}", error.code, error.message);
    let event = NewEvent::warning("Run", "RunFailed", message);
    ctx.events.publish_in_background(run.object_ref(&()), event);
}
