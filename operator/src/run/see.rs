//! All that a decision about a run depends on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crds::{Tenant, WorkflowRun, WorkflowRunStatus, labels, run::Cancel};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{
    job,
    lost::{self, PodState, Pull},
    pool::Booked,
    revisions::Revision,
};
use crate::{context::Context, errors::Error};

/// What is seen of a run and around it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) run: Arc<WorkflowRun>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// Whose namespace it is in.
    pub(super) tenant: Option<Arc<Tenant>>,
    /// The pods that were made for it, the newest attempt first.
    pub(super) pods: Vec<RunnerPod>,
    /// Whether it was admitted.
    pub(super) holds_slot: bool,
    /// The revision that is written on it, where there still is one.
    pub(super) revision: Option<Arc<Revision>>,
    /// Whether it is a sub-run of a run that has ended, or is gone.
    pub(super) is_orphan: bool,
    /// Whether a sub-run that it waits for is not among the unfinished ones any more.
    pub(super) sub_run_ended: bool,
}

/// A pod that was made for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunnerPod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) job: String,
    pub(super) attempt: u32,
    pub(super) revision: String,
    pub(super) state: PodState,
    /// Whether its containers have been started.
    pub(super) is_running: bool,
    /// Whether it is no run's alone: it stays after its run.
    pub(super) is_pooled: bool,
}

impl Seen {
    /// The run's status; an empty one right after its creation.
    pub(super) fn status(&self) -> WorkflowRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    /// Whether a pod was given it ever: then a runner ends it.
    pub(super) fn has_begun(&self) -> bool {
        super::has_begun(&self.run)
    }

    /// Whether it is to end: as a person or the operator itself wants it.
    pub(super) fn cancel(&self) -> Option<Cancel> {
        let requested = self.run.status.as_ref().and_then(|status| status.cancel_requested);
        self.run.spec.cancel.or(requested)
    }

    /// Whether its workflow has steps that run after all others.
    pub(super) fn has_exit_steps(&self) -> bool {
        self.revision.as_ref().is_some_and(|revision| !revision.spec.on_exit.is_empty())
    }

    /// How long the run may take, by its revision.
    pub(super) fn timeout(&self) -> Duration {
        let valid = self.revision.as_ref().and_then(|revision| revision.valid.as_ref().ok());
        valid.map_or(domain::workflow::DEFAULT_TIMEOUT, domain::workflow::ValidWorkflow::timeout)
    }
}

/// Looks.
///
/// # Errors
/// The run's revision cannot be read.
pub(super) async fn see(ctx: &Context, run: Arc<WorkflowRun>, now: Timestamp) -> Result<Seen, Error> {
    let (namespace, name) = (run.namespace().unwrap_or_default(), run.name_any());
    let uid = run.uid().unwrap_or_default();
    let pinned = run.status.as_ref().and_then(|status| status.revision.as_ref());
    let revision = match pinned {
        Some(pinned) => ctx.revisions.get(&ctx.client, &namespace, &pinned.name).await?,
        None => None,
    };
    Ok(Seen {
        tenant: ctx.stores.tenant_in(&namespace),
        pods: pods_of(ctx, &run, &namespace, &uid, now),
        holds_slot: ctx.slots.holds(&uid),
        is_orphan: is_orphan(ctx, &run, &namespace),
        sub_run_ended: sub_run_ended(ctx, &run, &namespace),
        revision,
        run,
        namespace,
        name,
        uid,
    })
}

/// A parent is there before its sub-run is, and for the watch too.
fn is_orphan(ctx: &Context, run: &WorkflowRun, namespace: &str) -> bool {
    let Some(parent) = run.spec.trigger.as_ref().and_then(|trigger| trigger.parent.as_ref()) else {
        return false;
    };
    let known = ctx.stores.runs.get(&ObjectRef::new(&parent.name).within(namespace));
    known.is_none_or(|known| known.metadata.uid.as_ref() != Some(&parent.uid))
}

/// The watch brings a sub-run before the status by which its parent waits for it: one that is not known has ended.
fn sub_run_ended(ctx: &Context, run: &WorkflowRun, namespace: &str) -> bool {
    let steps = run.status.iter().flat_map(|status| &status.steps);
    let waiting = steps.flat_map(|step| {
        let items = step.items.iter().flat_map(|items| &items.active);
        step.waiting.iter().chain(items.filter_map(|item| item.waiting.as_ref()))
    });
    let mut names = waiting.filter_map(|waiting| waiting.run.as_ref());
    names.any(|name| ctx.stores.runs.get(&ObjectRef::new(name).within(namespace)).is_none())
}

fn pods_of(ctx: &Context, run: &WorkflowRun, namespace: &str, uid: &str, now: Timestamp) -> Vec<RunnerPod> {
    let name = run.metadata.name.as_ref();
    let held = run.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref());
    let of_run = |pod: &Pod| {
        let made_for_it = pod.annotations().get(job::RUN_UID).is_some_and(|annotation| annotation == uid);
        let is_its = if pod.labels().contains_key(labels::POOL) {
            let of = pod.metadata.uid.as_deref().unwrap_or_default();
            match ctx.pool.booked(of, uid, &ctx.stores.runs) {
                Booked::ForIt => true,
                Booked::ForAnother => false,
                Booked::No => held.is_some_and(|held| Some(held) == pod.metadata.uid.as_ref()) || made_for_it,
            }
        } else {
            made_for_it && pod.labels().get(labels::RUN) == name
        };
        is_its && pod.metadata.namespace.as_deref() == Some(namespace)
    };
    let pods = ctx.stores.pods.state_filter(of_run);
    let mut pods: Vec<_> = pods.iter().filter_map(|pod| runner_pod(ctx, pod, now)).collect();
    pods.retain(|pod| {
        held == Some(&pod.uid) || !pod.is_pooled || !is_held_by_another(ctx, namespace, pod, uid)
    });
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.attempt));
    pods
}

/// The newest attempt at a pod for a run, whichever run has that pod now: the names of Jobs go by it.
pub(super) fn newest_attempt(ctx: &Context, seen: &Seen) -> Option<u32> {
    let made_for_it = |pod: &Pod| {
        pod.metadata.namespace.as_ref() == Some(&seen.namespace)
            && pod.annotations().get(job::RUN_UID) == Some(&seen.uid)
    };
    let pods = ctx.stores.pods.state_filter(made_for_it);
    pods.iter().filter_map(|pod| pod.annotations().get(job::ATTEMPT)?.parse().ok()).max()
}

/// A pod that was made for a run and has another one now: as the other is written, not only as it is remembered.
fn is_held_by_another(ctx: &Context, namespace: &str, pod: &RunnerPod, run: &str) -> bool {
    ctx.stores.runs_in(namespace).iter().any(|other| {
        let holds = other.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref());
        holds == Some(&pod.uid) && other.metadata.uid.as_deref() != Some(run)
    })
}

/// What is seen of a pod.
pub(super) fn runner_pod(ctx: &Context, pod: &Pod, now: Timestamp) -> Option<RunnerPod> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
    let node = node.and_then(|node| ctx.stores.nodes.get(&ObjectRef::new(node)));
    let uid = pod.metadata.uid.clone()?;
    let state = match lost::state(pod, node.as_deref(), now) {
        PodState::Live => waits_for_image(ctx, pod, &uid, now).unwrap_or(PodState::Live),
        other => other,
    };
    let label = |from: &BTreeMap<String, String>, key: &str| from.get(key).cloned();
    Some(RunnerPod {
        name: pod.metadata.name.clone()?,
        uid,
        job: label(pod.annotations(), job::JOB)?,
        attempt: label(pod.annotations(), job::ATTEMPT)?.parse().ok()?,
        revision: label(pod.labels(), labels::REVISION)?,
        state,
        is_running: pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"),
        is_pooled: pod.labels().contains_key(labels::POOL),
    })
}

fn waits_for_image(ctx: &Context, pod: &Pod, uid: &str, now: Timestamp) -> Option<PodState> {
    let Pull { message, is_hopeless } = lost::failed_pull(pod)?;
    let patience =
        if is_hopeless { Duration::ZERO } else { Duration::from_secs(ctx.config.image_pull_patience) };
    let since = ctx.pulls.failing_since(uid, now);
    Some(PodState::Unpullable { message, until: since.checked_add(patience).unwrap_or(Timestamp::MAX) })
}
