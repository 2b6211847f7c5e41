//! Idle runners: pooled pods that no run is assigned to.

use std::sync::Arc;

use crds::{WorkflowRun, labels};
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::super::super::observe::{LossReason, PodState, RunnerPod, Snapshot, runner_pod};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    names,
    state::{Claim, Revision, is_assigned_to},
};

/// An idle runner.
#[derive(Clone, Debug)]
pub(super) struct IdleRunner {
    pub(super) pod: RunnerPod,
    /// Name of the workflow whose runs the pod executes.
    pub(super) workflow: String,
    /// Digest of the pod's spec.
    pub(super) template: String,
    /// Time since which the pod has been idle.
    pub(super) since: Timestamp,
}

/// Returns the idle runners of a workflow.
pub(super) fn of_workflow(ctx: &Context, namespace: &str, workflow: &str, now: Timestamp) -> Vec<IdleRunner> {
    let mut idle = of_namespace(ctx, namespace, now);
    idle.retain(|idle| idle.workflow == workflow);
    idle
}

fn of_namespace(ctx: &Context, namespace: &str, now: Timestamp) -> Vec<IdleRunner> {
    let pods = ctx.stores.pods.state_filter(|pod| {
        pod.metadata.namespace.as_deref() == Some(namespace) && pod.labels().contains_key(labels::POOL)
    });
    let runs = ctx.stores.runs_in(namespace);
    let free = pods.iter().filter(|pod| is_free(ctx, pod, &runs));
    free.filter_map(|pod| idle_runner(ctx, pod, now)).collect()
}

fn idle_runner(ctx: &Context, pod: &Pod, now: Timestamp) -> Option<IdleRunner> {
    let workflow = pod.labels().get(labels::WORKFLOW)?.clone();
    let template = pod.annotations().get(names::TEMPLATE)?.clone();
    let pod = runner_pod(ctx, pod, now)?;
    if pod.state == PodState::Lost(LossReason::PodDeleted) {
        return None;
    }
    let since = ctx.reservations.idle_since(&pod.uid, now);
    Some(IdleRunner { pod, workflow, template, since })
}

fn is_free(ctx: &Context, pod: &Pod, runs: &[Arc<WorkflowRun>]) -> bool {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    !ctx.reservations.is_reserved(uid, &ctx.stores.runs)
        && !runs.iter().any(|run| is_assigned_to(run, uid))
        && !is_awaited(ctx, pod)
}

/// Returns whether the run that a pod was created for is still waiting for a pod.
fn is_awaited(ctx: &Context, pod: &Pod) -> bool {
    let annotations = pod.annotations();
    let (Some(name), Some(uid)) = (annotations.get(names::FOR_RUN), annotations.get(names::RUN_UID)) else {
        return false;
    };
    let key = ObjectRef::new(name).within(pod.metadata.namespace.as_deref().unwrap_or_default());
    let run = ctx.stores.runs.get(&key).filter(|run| run.metadata.uid.as_ref() == Some(uid));
    let has_pod = |run: &WorkflowRun| {
        run.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref()).is_some()
    };
    run.is_some_and(|run| !has_pod(&run) && ctx.slots.holds(uid))
}

/// Reserves an idle runner for a run: preferably one whose containers are running, and of those the one that was used
/// last.
pub(in crate::run::assignment) fn reserve(
    ctx: &Context,
    snapshot: &Snapshot,
    revision: &Revision,
    now: Timestamp,
) -> Option<RunnerPod> {
    let mut idle = of_namespace(ctx, &snapshot.namespace, now);
    idle.retain(|idle| idle.pod.revision == revision.name && idle.pod.state == PodState::Live);
    idle.sort_by_key(|idle| (!idle.pod.is_running, std::cmp::Reverse(idle.since)));
    let claim = Claim::for_run(&snapshot.run);
    let mut pods = idle.into_iter().map(|idle| idle.pod);
    pods.find(|pod| ctx.reservations.reserve(&pod.uid, &claim, &ctx.stores.runs))
}

/// Deletes the runner of a namespace, of any workflow, that has been idle for the longest time, to make room for a run's
/// pod. Returns whether there was one.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the deletion.
pub(in crate::run::assignment) async fn delete_one_idle(
    ctx: &Context,
    namespace: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut idle = of_namespace(ctx, namespace, now);
    idle.sort_by_key(|idle| idle.since);
    for IdleRunner { pod, .. } in idle {
        if delete(ctx, namespace, &pod).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes an idle runner, unless a run has reserved it meanwhile. Returns whether it was deleted.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the deletion.
pub(super) async fn delete(ctx: &Context, namespace: &str, pod: &RunnerPod) -> Result<bool, Error> {
    if !ctx.reservations.mark_terminating(&pod.uid, &ctx.stores.runs) {
        return Ok(false);
    }
    tracing::info!(pod = pod.name, job = pod.job, "deleting an idle runner");
    api::delete(&within::<Job>(&ctx.client, namespace), &pod.job, None).await?;
    Ok(true)
}
