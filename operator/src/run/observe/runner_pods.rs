//! Runner pods of a run, as the watches show them.

use std::{collections::BTreeMap, time::Duration};

use crds::{WorkflowRun, labels, run::QueueStatus};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{
    lost::{self, FailedPull, PodState},
    pod_wait,
};
use crate::{
    context::Context,
    names,
    state::{Reservation, is_assigned_to},
    watch::Stores,
};

/// A runner pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) struct RunnerPod {
    pub(in crate::run) name: String,
    pub(in crate::run) uid: String,
    /// Name of the pod's Job.
    pub(in crate::run) job: String,
    /// Number of the pod attempt, starting at 0.
    pub(in crate::run) attempt: u32,
    /// Name of the workflow revision that the pod executes.
    pub(in crate::run) revision: String,
    pub(in crate::run) state: PodState,
    /// Why the pod does not execute its run yet, until its runner has begun.
    pub(in crate::run) wait: QueueStatus,
    /// Whether the pod's containers have been started.
    pub(in crate::run) is_running: bool,
    /// Whether the pod is reused by later runs.
    pub(in crate::run) is_pooled: bool,
}

impl RunnerPod {
    /// Returns whether the pod cannot start before something else changes.
    pub(in crate::run) fn is_blocked(&self) -> bool {
        self.wait.is_blocked_pod()
    }
}

/// Returns the runner pods created for or assigned to a run, newest attempt first.
pub(super) fn pods_of_run(ctx: &Context, run: &WorkflowRun, now: Timestamp) -> Vec<RunnerPod> {
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    let run_uid = run.metadata.uid.as_deref().unwrap_or_default();
    let assigned = run.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref());
    let pods = ctx.stores.pods.state_filter(|pod| {
        pod.metadata.namespace.as_deref() == Some(namespace) && belongs_to_run(ctx, pod, run)
    });
    let mut pods: Vec<_> = pods.iter().filter_map(|pod| runner_pod(ctx, pod, now)).collect();
    pods.retain(|pod| {
        assigned == Some(&pod.uid)
            || !pod.is_pooled
            || !is_assigned_to_another_run(&ctx.stores, namespace, pod, run_uid)
    });
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.attempt));
    pods
}

fn belongs_to_run(ctx: &Context, pod: &Pod, run: &WorkflowRun) -> bool {
    let run_uid = run.metadata.uid.as_deref().unwrap_or_default();
    let created_for_run =
        pod.annotations().get(names::RUN_UID).is_some_and(|annotation| annotation == run_uid);
    if !pod.labels().contains_key(labels::POOL) {
        return created_for_run && pod.labels().get(labels::RUN) == run.metadata.name.as_ref();
    }
    let pod_uid = pod.metadata.uid.as_deref().unwrap_or_default();
    match ctx.reservations.reservation(pod_uid, run_uid, &ctx.stores.runs) {
        Reservation::Own => true,
        Reservation::Other => false,
        Reservation::None => is_assigned_to(run, pod_uid) || created_for_run,
    }
}

/// Returns whether a pooled pod that was created for one run is assigned to another, by the status of that
/// run. Reservations alone are not sufficient, since a restart loses them.
fn is_assigned_to_another_run(stores: &Stores, namespace: &str, pod: &RunnerPod, run_uid: &str) -> bool {
    stores
        .runs_in(namespace)
        .iter()
        .any(|other| is_assigned_to(other, &pod.uid) && other.metadata.uid.as_deref() != Some(run_uid))
}

/// Returns the number of the newest pod attempt of a run, whichever run is assigned to that pod now. The names of Jobs
/// are derived from it.
pub(super) fn newest_attempt(stores: &Stores, namespace: &str, run_uid: &str) -> Option<u32> {
    let created_for_run = |pod: &Pod| {
        pod.metadata.namespace.as_deref() == Some(namespace)
            && pod.annotations().get(names::RUN_UID).is_some_and(|annotation| annotation == run_uid)
    };
    let pods = stores.pods.state_filter(created_for_run);
    pods.iter().filter_map(|pod| pod.annotations().get(names::ATTEMPT)?.parse().ok()).max()
}

/// Returns the description of a runner pod, or `None` if it lacks an annotation of runner pods.
pub(in crate::run) fn runner_pod(ctx: &Context, pod: &Pod, now: Timestamp) -> Option<RunnerPod> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
    let node = node.and_then(|node| ctx.stores.nodes.get(&ObjectRef::new(node)));
    let uid = pod.metadata.uid.clone()?;
    let state = match lost::pod_state(pod, node.as_deref(), now) {
        PodState::Live => waits_for_image(ctx, pod, &uid, now).unwrap_or(PodState::Live),
        other => other,
    };
    let value = |from: &BTreeMap<String, String>, key: &str| from.get(key).cloned();
    Some(RunnerPod {
        name: pod.metadata.name.clone()?,
        uid,
        job: value(pod.annotations(), names::JOB)?,
        attempt: value(pod.annotations(), names::ATTEMPT)?.parse().ok()?,
        revision: value(pod.labels(), labels::REVISION)?,
        wait: pod_wait::pod_wait(pod),
        state,
        is_running: pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"),
        is_pooled: pod.labels().contains_key(labels::POOL),
    })
}

fn waits_for_image(ctx: &Context, pod: &Pod, uid: &str, now: Timestamp) -> Option<PodState> {
    let FailedPull { message, is_permanent } = lost::failed_pull(pod)?;
    let timeout =
        if is_permanent { Duration::ZERO } else { Duration::from_secs(ctx.config.image_pull_timeout) };
    let since = ctx.image_pulls.failing_since(uid, now);
    Some(PodState::Unpullable { message, until: since.checked_add(timeout).unwrap_or(Timestamp::MAX) })
}
