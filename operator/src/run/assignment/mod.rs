//! Fourth stage of a run's reconcile: finds or creates a runner pod for an admitted run, and assigns the run to it.

mod await_runner;
mod create;
mod fit;
mod job;
pub(crate) mod pool;
mod runner;

use std::time::Duration;

use crds::workflow::RevisionRef;
use jiff::Timestamp;
use kube::runtime::controller::Action;

pub(super) use await_runner::await_runner;
pub(super) use runner::{attempt_of_job, create_runner, next_attempt};

use super::{
    admission::{Admitted, require_secrets},
    apply::write_status,
    observe::{PodState, RunnerPod, Snapshot},
    stage::{Stage, retry_after},
    status,
};
use crate::{context::Context, state::Claim};

/// Delay after which a run whose pod was reserved for another run is reconciled. By then the watch shows the other
/// assignment.
const RESERVATION_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Assigns an admitted run to a pod that was created for it before, or to an idle pod of the pool; otherwise creates one.
///
/// # Errors
/// Returns an exit if the run has to wait or ends, or if the API server cannot be reached.
pub(super) async fn start(
    ctx: &Context,
    snapshot: &Snapshot,
    admitted: &Admitted,
    now: Timestamp,
) -> Stage<Action> {
    // The pod was created before the operator was restarted.
    if let Some(pod) = snapshot.pods.iter().find(|pod| pod.state == PodState::Live) {
        return assign(ctx, snapshot, pod, now).await;
    }
    require_secrets(ctx, snapshot, admitted).await?;
    let revision = admitted.revision();
    match pool::reserve(ctx, snapshot, revision, now) {
        Some(pod) => assign(ctx, snapshot, &pod, now).await,
        None => create_runner(ctx, snapshot, revision, next_attempt(snapshot, revision), now).await,
    }
}

/// Assigns a run to a pod.
///
/// # Errors
/// Returns an exit if the pod belongs to another run by now, if another client has written the run meanwhile, or if the
/// API server cannot be reached.
pub(super) async fn assign(
    ctx: &Context,
    snapshot: &Snapshot,
    pod: &RunnerPod,
    now: Timestamp,
) -> Stage<Action> {
    let claim = Claim::for_run(&snapshot.run);
    if pod.is_pooled && !ctx.reservations.reserve(&pod.uid, &claim, &ctx.stores.runs) {
        return Err(retry_after(RESERVATION_RETRY_INTERVAL));
    }
    let revision = ctx.revisions.get(&ctx.full, &snapshot.namespace, &pod.revision).await?;
    let revision = match revision {
        Some(revision) => revision.reference(),
        None => RevisionRef { name: pod.revision.clone(), generation: None },
    };
    write_status(&ctx.client, snapshot, status::assigned(snapshot, pod, &revision, now)).await?;
    tracing::info!(
        run.name = snapshot.name,
        run.id = snapshot.uid,
        pod = pod.name,
        attempt = pod.attempt,
        "a run was assigned to a pod"
    );
    Ok(Action::await_change())
}
