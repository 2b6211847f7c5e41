//! Runners that stay: after a run for the next of the same revision, or kept ready before there is one.
//!
//! Whom a pod belongs to is written on the run that it holds. What is kept here in memory only bridges the moment until
//! the watch shows it, so that two runs don't take one pod, nor a run one that is being ended.

mod book;
mod idle;
mod keep;
mod terms;

pub(crate) use book::{Owner, Pool};
pub(crate) use keep::reconcile;
pub(crate) use terms::Terms;

pub(super) use idle::{make_room, take};

use std::collections::BTreeSet;

use crds::labels;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use crate::{context::Context, watch::kicks::Kick};

/// A run has left its pod, or holds none any more: the pod is idle now.
pub(super) async fn release(ctx: &Context, namespace: &str, run: &str) {
    ctx.pool.release(run);
    let pooled = ctx.stores.pods.state_filter(|pod| {
        pod.metadata.namespace.as_deref() == Some(namespace) && pod.labels().contains_key(labels::POOL)
    });
    let workflows: BTreeSet<_> =
        pooled.iter().filter_map(|pod| pod.labels().get(labels::WORKFLOW).cloned()).collect();
    for workflow in workflows {
        ctx.kicks.send(Kick::Pool(ObjectRef::new(&workflow).within(namespace))).await;
    }
}
