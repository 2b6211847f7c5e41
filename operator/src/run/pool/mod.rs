//! Runners that stay: after a run for the next of the same revision, or kept ready before there is one.
//!
//! Whom a pod belongs to is written on the run that it holds. What is kept here in memory only bridges the moment until
//! the watch shows it, so that two runs don't take one pod, nor a run one that is being ended.

mod book;
mod idle;
mod keep;
mod terms;

pub(crate) use book::{Booked, Claim, Pool};
pub(crate) use keep::reconcile;
pub(crate) use terms::Terms;

pub(super) use idle::{make_room, take};

use crds::WorkflowRun;

/// Whether a run holds a pod, by what is written on it.
fn holds(run: &WorkflowRun, pod: &str) -> bool {
    let runner = run.status.as_ref().and_then(|status| status.runner.as_ref());
    runner.and_then(|runner| runner.pod_uid.as_deref()) == Some(pod)
}
