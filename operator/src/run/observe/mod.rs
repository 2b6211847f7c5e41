//! First stage of a run's reconcile: everything that the decision about the run depends on.

mod lost;
mod pod_wait;
mod runner_pods;
mod snapshot;

pub(super) use lost::{LossReason, PodState};
pub(super) use runner_pods::{RunnerPod, runner_pod};
pub(super) use snapshot::{Snapshot, observe};
