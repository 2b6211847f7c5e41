//! First stage of a run's reconcile: everything that the decision about the run depends on.

mod lifecycle;
mod lost;
mod runner_pods;
mod snapshot;

pub(crate) use lifecycle::{has_started, is_queued_for_slot, is_suspended, occupies_slot};
pub(super) use lost::{LossReason, PodState};
pub(super) use runner_pods::{RunnerPod, runner_pod};
pub(super) use snapshot::{Snapshot, observe};
