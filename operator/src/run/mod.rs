//! Runs: admitted, given to a pod, given to another when that is lost, and cleared away after.

mod act;
mod admit;
mod decide;
mod fence;
mod job;
mod lost;
mod pin;
mod pool;
mod pulls;
mod retire;
mod reuse;
mod revisions;
mod secrets;
mod see;
mod settle;
mod slots;
mod start;
mod status;
mod supersede;
mod sweep;
mod today;

use std::sync::Arc;

use crds::{WorkflowRun, run::RunPhase};
use kube::runtime::controller::Action;

pub(crate) use admit::day;
pub(crate) use fence::Fence;
pub(crate) use job::FOR_RUN;
pub(crate) use pool::{Pool, Terms, reconcile as keep_runners};
pub(crate) use pulls::Pulls;
pub(crate) use revisions::Revisions;
pub(crate) use settle::settle;
pub(crate) use slots::Slots;
pub(crate) use sweep::sweep;

use crate::{context::Context, errors::Error};

/// Why a run waits when its pod does not fit into the tenant's quota.
pub(crate) const CLUSTER_FULL: &str = "ClusterFull";

/// Does the next thing for a run that has not ended.
pub(crate) async fn reconcile(ctx: Arc<Context>, run: Arc<WorkflowRun>) -> Result<Action, Error> {
    let now = telemetry::clock::now();
    let mut seen = see::see(&ctx, run, now).await?;
    if has_started(&seen.run) {
        // What is stored wins over what is counted: another operator may have started it.
        admit::hold(&ctx, &mut seen);
    }
    let next = decide::next(&seen, now);
    act::act(&ctx, &seen, next, now).await
}

/// Gives the runs that have started their slots, enters those that wait for one, and counts the day's, before any other
/// run is admitted.
///
/// # Errors
/// The API server cannot be asked.
pub(crate) async fn seed(ctx: &Context) -> Result<(), Error> {
    let now = telemetry::clock::now();
    for run in ctx.stores.runs.state() {
        if has_started(&run) {
            let mut seen = see::see(ctx, run, now).await?;
            admit::hold(ctx, &mut seen);
        } else if waits_for_slot(&run) {
            admit::wait(ctx, &see::see(ctx, run, now).await?);
        }
    }
    today::seed(ctx, now).await
}

/// Whether a run stands in the queue by what is written on it: what waits for something else has no position.
fn waits_for_slot(run: &WorkflowRun) -> bool {
    let queue = run.status.as_ref().and_then(|status| status.queue.as_ref());
    queue.is_some_and(|queue| queue.position.is_some())
}

/// Whether a run holds a slot by what is written on it.
pub(crate) fn has_started(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        let waits = status.phase == Some(RunPhase::Suspended);
        status.runner.is_some() || (status.started_at.is_some() && !waits)
    })
}

/// Whether a pod was given it ever.
pub(crate) fn has_begun(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| status.started_at.is_some())
}

/// Whether it waits for something else than a slot, and holds none.
pub(crate) fn rests(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        status.phase == Some(RunPhase::Suspended) && status.runner.is_none() && status.queue.is_none()
    })
}
