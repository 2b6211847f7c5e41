//! Runs: admitted, given to a pod, given to another when that is lost, and cleared away after.

mod act;
mod admit;
mod decide;
mod fence;
mod job;
mod lost;
mod pin;
mod retire;
mod revisions;
mod see;
mod settle;
mod slots;
mod start;
mod status;
mod sweep;

use std::sync::Arc;

use crds::WorkflowRun;
use kube::runtime::controller::Action;

pub(crate) use fence::Fence;
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

/// Gives the runs that have started their slots, before any other run is admitted.
pub(crate) fn seed(ctx: &Context) {
    for run in ctx.stores.runs.state().iter().filter(|run| has_started(run)) {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        let tenant = ctx.stores.tenant_in(namespace).and_then(|tenant| tenant.metadata.name.clone());
        ctx.slots.hold(run.metadata.uid.as_deref().unwrap_or_default(), &tenant.unwrap_or_default(), None);
    }
}

/// Whether a run holds a slot by what is written on it.
pub(crate) fn has_started(run: &WorkflowRun) -> bool {
    let phase = |status: &crds::WorkflowRunStatus| status.phase.unwrap_or_default();
    run.status.as_ref().is_some_and(|status| {
        phase(status) != crds::run::RunPhase::Suspended
            && (status.runner.is_some() || status.started_at.is_some())
    })
}
