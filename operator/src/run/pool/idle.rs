//! Runners that nobody has.

use std::sync::Arc;

use crds::{WorkflowRun, labels};
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{
    super::{
        job,
        lost::PodState,
        revisions::Revision,
        see::{self, RunnerPod, Seen},
    },
    Claim, holds,
};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// A pod that stays, and that nobody has.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    pub(super) pod: RunnerPod,
    pub(super) workflow: String,
    /// What it was made of.
    pub(super) template: String,
}

/// All of a namespace.
pub(super) fn all(ctx: &Context, namespace: &str, now: Timestamp) -> Vec<Idle> {
    let pods = ctx.stores.pods.state_filter(|pod| {
        pod.metadata.namespace.as_deref() == Some(namespace) && pod.labels().contains_key(labels::POOL)
    });
    let runs = ctx.stores.runs_in(namespace);
    pods.iter().filter(|pod| is_free(ctx, pod, &runs)).filter_map(|pod| idle(ctx, pod, now)).collect()
}

fn idle(ctx: &Context, pod: &Pod, now: Timestamp) -> Option<Idle> {
    let workflow = pod.labels().get(labels::WORKFLOW)?.clone();
    let template = pod.annotations().get(job::TEMPLATE)?.clone();
    let pod = see::runner_pod(ctx, pod, now)?;
    (pod.state != PodState::Lost("PodDeleted")).then_some(Idle { pod, workflow, template })
}

fn is_free(ctx: &Context, pod: &Pod, runs: &[Arc<WorkflowRun>]) -> bool {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    !ctx.pool.is_taken(uid, &ctx.stores.runs)
        && !runs.iter().any(|run| holds(run, uid))
        && !is_awaited(ctx, pod)
}

/// Whether the run that it was made for still waits for a pod.
fn is_awaited(ctx: &Context, pod: &Pod) -> bool {
    let notes = pod.annotations();
    let (Some(name), Some(uid)) = (notes.get(job::FOR_RUN), notes.get(job::RUN_UID)) else { return false };
    let key = ObjectRef::new(name).within(pod.metadata.namespace.as_deref().unwrap_or_default());
    let run = ctx.stores.runs.get(&key).filter(|run| run.metadata.uid.as_ref() == Some(uid));
    let has_pod = |run: &WorkflowRun| {
        run.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref()).is_some()
    };
    run.is_some_and(|run| !has_pod(&run) && ctx.slots.holds(uid))
}

/// Takes an idle pod for a run: one that runs rather than one that is being made, of those the one used last.
pub(in super::super) fn take(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
    now: Timestamp,
) -> Option<RunnerPod> {
    let mut idle = all(ctx, &seen.namespace, now);
    idle.retain(|idle| idle.pod.revision == revision.name && idle.pod.state == PodState::Live);
    idle.sort_by_key(|idle| {
        (!idle.pod.is_running, std::cmp::Reverse(ctx.pool.idle_since(&idle.pod.uid, now)))
    });
    let claim = Claim::of(&seen.run);
    idle.into_iter().map(|idle| idle.pod).find(|pod| ctx.pool.take(&pod.uid, &claim, &ctx.stores.runs))
}

/// Ends an idle runner, of whichever workflow, since a run has no room for its pod; says whether there was one.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(in super::super) async fn make_room(
    ctx: &Context,
    namespace: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut idle = all(ctx, namespace, now);
    idle.sort_by_key(|idle| ctx.pool.idle_since(&idle.pod.uid, now));
    for Idle { pod, .. } in idle {
        if end(ctx, namespace, &pod).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends an idle runner; not one that a run has taken meanwhile.
pub(super) async fn end(ctx: &Context, namespace: &str, pod: &RunnerPod) -> Result<bool, Error> {
    if !ctx.pool.dismiss(&pod.uid, &ctx.stores.runs) {
        return Ok(false);
    }
    tracing::info!(pod = pod.name, job = pod.job, "an idle runner is ended");
    api::delete(&within::<Job>(&ctx.client, namespace), &pod.job, None).await?;
    Ok(true)
}
