//! Position of a run in its life, by its status. Pure.

use crds::{WorkflowRun, run::RunPhase};

/// Returns whether a run occupies a concurrency slot: a pod is or was assigned to it, and it is not suspended.
pub(crate) fn occupies_slot(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        let is_suspended = status.phase == Some(RunPhase::Suspended);
        status.runner.is_some() || (has_started(run) && !is_suspended)
    })
}

/// Returns whether a runner has begun to execute a run. Its first write sets both the phase and the time.
pub(crate) fn has_started(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        status.started_at.is_some() || status.phase.is_some_and(|phase| phase != RunPhase::Queued)
    })
}

/// Returns whether a run is assigned to a pod whose runner has not begun to execute it. The runner's first write removes
/// `status.queue`.
pub(crate) fn awaits_runner(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        status.queue.is_some() && status.runner.as_ref().is_some_and(|runner| runner.pod_uid.is_some())
    })
}

/// Returns whether a run waits for something else than a slot, such as an approval, and holds no slot.
pub(crate) fn is_suspended(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        status.phase == Some(RunPhase::Suspended) && status.runner.is_none() && status.queue.is_none()
    })
}

/// Returns whether a run is queued for a slot. A run that waits for something else has no position in the queue.
pub(crate) fn is_queued_for_slot(run: &WorkflowRun) -> bool {
    let queue = run.status.as_ref().and_then(|status| status.queue.as_ref());
    queue.is_some_and(|queue| queue.position.is_some())
}
