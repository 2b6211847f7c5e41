//! All that a decision about a run depends on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crds::{Tenant, WorkflowRun, WorkflowRunStatus, labels};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{
    job,
    lost::{self, PodState},
    revisions::Revision,
};
use crate::{context::Context, errors::Error};

/// What is seen of a run and around it.
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
}

impl Seen {
    /// The run's status; an empty one right after its creation.
    pub(super) fn status(&self) -> WorkflowRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    /// How long the run may take, by its revision.
    pub(super) fn timeout(&self) -> Duration {
        let valid = self.revision.as_ref().and_then(|revision| revision.valid.as_ref().ok());
        valid.map_or(domain::workflow::DEFAULT_TIMEOUT, domain::workflow::Valid::timeout)
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
        pods: pods_of(ctx, &namespace, &name, &uid, now),
        holds_slot: ctx.slots.holds(&uid),
        revision,
        run,
        namespace,
        name,
        uid,
    })
}

fn pods_of(ctx: &Context, namespace: &str, run: &str, uid: &str, now: Timestamp) -> Vec<RunnerPod> {
    let of_run = |pod: &Pod| {
        pod.metadata.namespace.as_deref() == Some(namespace)
            && pod.labels().get(labels::RUN).is_some_and(|label| label == run)
            && pod.annotations().get(job::RUN_UID).is_some_and(|annotation| annotation == uid)
    };
    let pods = ctx.stores.pods.state_filter(of_run);
    let mut pods: Vec<_> = pods.iter().filter_map(|pod| runner_pod(ctx, pod, now)).collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.attempt));
    pods
}

fn runner_pod(ctx: &Context, pod: &Pod, now: Timestamp) -> Option<RunnerPod> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
    let node = node.and_then(|node| ctx.stores.nodes.get(&ObjectRef::new(node)));
    let label = |from: &BTreeMap<String, String>, key: &str| from.get(key).cloned();
    Some(RunnerPod {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.clone()?,
        job: label(pod.annotations(), job::JOB)?,
        attempt: label(pod.annotations(), job::ATTEMPT)?.parse().ok()?,
        revision: label(pod.labels(), labels::REVISION)?,
        state: lost::state(pod, node.as_deref(), now),
    })
}
