//! After a run: its Jobs are deleted, its slot is given to another, its workflow hears of it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use crds::{WorkflowRun, labels, run::RunPhase};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource as _, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{admit, job};
use crate::{
    api::{self, within},
    backoff::delay,
    context::Context,
    errors::{Error, chain},
    events::Note,
};

/// Runs settled at a time: three requests each.
const CONCURRENCY: usize = 16;
/// Tries before a run is left to the next sweep.
const TRIES: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Settles runs that have left the watch, until asked to stop.
pub(crate) async fn settle(
    ctx: Arc<Context>,
    mut left: mpsc::Receiver<ObjectRef<WorkflowRun>>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let left = stream::poll_fn(move |task| left.poll_recv(task)).take_until(stop.cancelled_owned());
    left.for_each_concurrent(CONCURRENCY, |run| settle_one(&ctx, run)).await;
    Ok(())
}

async fn settle_one(ctx: &Arc<Context>, run: ObjectRef<WorkflowRun>) {
    for failures in 1..=TRIES {
        let error = match tokio::time::timeout(TIMEOUT, clear_up(ctx, &run)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => Error::Timeout { seconds: TIMEOUT.as_secs() },
        };
        tracing::warn!(
            run.name = run.name,
            failures,
            error = chain(&error),
            "failed to clear up after a run"
        );
        tokio::time::sleep(delay(error.class(), failures, rand::random())).await;
    }
}

/// Looks at the run itself: the event by which it left carries its old content.
///
/// # Errors
/// The API server cannot be asked, or refuses.
pub(super) async fn clear_up(ctx: &Arc<Context>, run: &ObjectRef<WorkflowRun>) -> Result<(), Error> {
    let namespace = run.namespace.clone().unwrap_or_default();
    let now = api::get(&within::<WorkflowRun>(&ctx.client, &namespace), &run.name).await?;
    delete_jobs(ctx, &namespace, &run.name, now.as_ref()).await?;
    let ended = now.as_ref().filter(|run| has_ended(run));
    let gone = run
        .extra
        .uid
        .as_ref()
        .filter(|uid| now.as_ref().and_then(|run| run.metadata.uid.as_ref()) != Some(*uid));
    for uid in ended.and_then(|run| run.metadata.uid.as_ref()).into_iter().chain(gone) {
        admit::give_back(ctx, uid).await;
    }
    if let Some(run) = ended {
        ctx.last_runs.note(run);
        tell(ctx, run);
    }
    Ok(())
}

fn has_ended(run: &WorkflowRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
}

/// All Jobs of a run of that name, but for those of the one that is there and has not ended.
async fn delete_jobs(
    ctx: &Context,
    namespace: &str,
    name: &str,
    now: Option<&WorkflowRun>,
) -> Result<(), Error> {
    let jobs = within::<Job>(&ctx.client, namespace);
    let going_on = now.filter(|run| !has_ended(run)).and_then(|run| run.metadata.uid.as_ref());
    let of_run = ListParams::default().labels(&format!("{}={name}", labels::RUN));
    for job in api::list(&jobs, of_run).await? {
        let of = job.annotations().get(job::RUN_UID);
        if job.metadata.deletion_timestamp.is_none() && (going_on.is_none() || of != going_on) {
            api::delete(&jobs, &job.name_any(), job.uid().as_deref()).await?;
        }
    }
    Ok(())
}

/// A run that failed is worth an Event; one that succeeded is what everybody expects.
fn tell(ctx: &Arc<Context>, run: &WorkflowRun) {
    let Some(status) = &run.status else { return };
    let Some(error) = &status.error else { return };
    let step = error.step.as_ref().map(|step| format!("step {step}: ")).unwrap_or_default();
    let text = format!("{step}{}: {}", error.code, error.message);
    ctx.tell_later(run.object_ref(&()), Note::warning("Run", "RunFailed", text));
}
