//! Suspension: a run that waits for something else than a slot uses neither a slot nor a pod.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::runtime::controller::Action;

use super::super::{
    admission::release_slot,
    observe::{LossReason, PodState, Snapshot},
    stage::{Stage, requeue_at},
};
use crate::{
    api::{self, within},
    context::Context,
    watch::ReconcileRequest,
};

/// Releases the slot of a suspended run and deletes its pods. The run is reconciled again at `until`.
///
/// # Errors
/// Returns an exit if the API server cannot be reached or refuses a deletion.
pub(in crate::run) async fn suspend(
    ctx: &Context,
    snapshot: &Snapshot,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Stage<Action> {
    if snapshot.holds_slot {
        release_slot(ctx, &snapshot.uid).await;
        ctx.requests.send(ReconcileRequest::for_runner_pool(&snapshot.run)).await;
    }
    let jobs = within::<Job>(&ctx.client, &snapshot.namespace);
    let is_terminating = |state: &PodState| *state == PodState::Lost(LossReason::PodDeleted);
    let mut outcome = Ok(());
    for pod in snapshot.pods.iter().filter(|pod| !pod.is_pooled && !is_terminating(&pod.state)) {
        // A Job that cannot be deleted does not keep the others from it.
        outcome = outcome.and(api::delete(&jobs, &pod.job, None).await);
    }
    outcome?;
    Ok(until.map_or_else(Action::await_change, |until| requeue_at(until, now)))
}
