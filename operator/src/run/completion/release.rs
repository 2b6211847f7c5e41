//! Release of the resources of runs and workflows that have left the watch. Of a run, its slot goes to
//! another run, its Jobs are deleted, and its workflow's status is updated.

use std::{convert::Infallible, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use compute::Shares;
use crds::WorkflowRun;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    super::admission::release_slot,
    deleted_workflow::release_workflow,
    jobs::{delete_jobs_of_run, has_ended},
};
use crate::{
    api::{self, within},
    context::Context,
    errors::{Error, chain, without_panic},
    watch::Released,
};

/// Maximum number of objects that are released concurrently, with three requests each.
const MAX_CONCURRENT_RELEASES: usize = 16;
/// Maximum number of objects of one tenant that are released concurrently, as for reconciles.
const MAX_CONCURRENT_RELEASES_PER_TENANT: usize = 4;
/// Timeout of one attempt to release an object.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of retries. After them, the next sweep releases the object.
const MAX_RETRIES: usize = 3;
/// Delay before the first retry; it doubles with each one.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Releases the objects that have left the watch, until `stop` is cancelled.
pub(crate) async fn release(
    ctx: Arc<Context>,
    mut released: mpsc::Receiver<Released>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let released =
        stream::poll_fn(move |task| released.poll_recv(task)).take_until(stop.clone().cancelled_owned());
    let shares = Shares::new(MAX_CONCURRENT_RELEASES, MAX_CONCURRENT_RELEASES_PER_TENANT);
    // The shares bound the concurrency. Every object is taken from the queue at once, so that tenants can take turns.
    released
        .for_each_concurrent(None, async |object| {
            release_slot_of(&ctx, &object).await;
            let permit = shares.acquire(namespace(&object));
            // A release that has not begun is not awaited when the process stops: the next sweep covers it.
            if let Some(_permit) = stop.run_until_cancelled(permit).await {
                release_with_retries(&ctx, object).await;
            }
        })
        .await;
    Ok(())
}

/// Releases the slot of a run. A run that is not among the unfinished ones holds none, whether or not the rest of its resources
/// can be released now.
async fn release_slot_of(ctx: &Context, object: &Released) {
    let Released::Run(run) = object else { return };
    if let Some(uid) = run.metadata.uid.as_ref()
        && ctx.stores.uid_of_run(&ObjectRef::from_obj(run.as_ref())).as_ref() != Some(uid)
    {
        release_slot(ctx, uid).await;
    }
}

fn namespace(object: &Released) -> &str {
    let namespace = match object {
        Released::Run(run) => &run.metadata.namespace,
        Released::Workflow(workflow) => &workflow.namespace,
    };
    namespace.as_deref().unwrap_or_default()
}

async fn release_with_retries(ctx: &Context, object: Released) {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(FIRST_RETRY_DELAY)
        .with_max_times(MAX_RETRIES)
        .with_jitter();
    let attempt = || async {
        tokio::time::timeout(RELEASE_TIMEOUT, without_panic(release_once(ctx, &object)))
            .await
            .unwrap_or(Err(Error::Timeout { seconds: RELEASE_TIMEOUT.as_secs() }))
    };
    let log = |error: &Error, retry_in: Option<Duration>| {
        let ObjectReference { kind, namespace, name, .. } = object.object_ref();
        tracing::warn!(
            object.kind = kind,
            object.namespace = namespace,
            object.name = name,
            ?retry_in,
            error = chain(error),
            "failed to release an object"
        );
    };
    if let Err(error) = attempt.retry(backoff).notify(|error, delay| log(error, Some(delay))).await {
        log(&error, None);
    }
}

async fn release_once(ctx: &Context, object: &Released) -> Result<(), Error> {
    match object {
        Released::Run(run) => {
            release_run(ctx, &ObjectRef::from_obj(run.as_ref()), Some(run.as_ref())).await?;
            ctx.run_events.forget(run);
            Ok(())
        }
        Released::Workflow(workflow) => release_workflow(ctx, workflow).await,
    }
}

/// Releases the resources of a run, and publishes Events about its end. The run is read again, since the event by which it left
/// the watch contains its old content: `last`, if the run was in the watch.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn release_run(
    ctx: &Context,
    run: &ObjectRef<WorkflowRun>,
    last: Option<&WorkflowRun>,
) -> Result<(), Error> {
    let namespace = run.namespace.clone().unwrap_or_default();
    let current = api::get(&within::<WorkflowRun>(&ctx.client, &namespace), &run.name).await?;
    delete_jobs_of_run(&ctx.client, &namespace, &run.name, current.as_ref()).await?;
    if let Some(run) = current.as_ref().filter(|run| has_ended(run)) {
        ctx.last_runs.record(run);
        ctx.run_events.publish_end(last, run);
    }
    Ok(())
}
