//! Removal of what only Events about a change need. Pure.

use crds::{
    WorkflowRun, WorkflowRunStatus,
    run::{StepStatus, Waiting},
};

use crate::waits;

/// Number of steps, active items and decisions of a run above which only what the operator decides on is retained, and no
/// Events about single steps are published. 32 of them take about 20 KiB.
const MAX_PARTS: usize = 32;

/// Removes the messages, labels and roles of a run. The store holds all unfinished runs, and compares none of these. Of a run
/// with many parts, what remains is what [`waits::reduce`] leaves.
pub(crate) fn trim(run: &mut WorkflowRun) {
    if parts(run) > MAX_PARTS {
        waits::reduce(run);
    }
    let steps = run.status.iter_mut().flat_map(|status| &mut status.steps);
    steps.for_each(trim_step);
}

/// Returns whether the steps of a run were not retained one by one.
pub(super) fn is_reduced(status: &WorkflowRunStatus) -> bool {
    status.steps.iter().any(|step| step.name.is_empty())
}

fn parts(run: &WorkflowRun) -> usize {
    let steps = run.status.as_ref().map_or(&[][..], |status| &status.steps);
    let items = steps.iter().filter_map(|step| step.items.as_ref()).map(|items| items.active.len());
    steps.len() + items.sum::<usize>() + run.spec.decisions.len()
}

fn trim_step(step: &mut StepStatus) {
    step.waiting.iter_mut().for_each(trim_waiting);
    if let Some(error) = &mut step.error {
        error.message = String::new();
    }
    let Some(items) = &mut step.items else { return };
    items.failures = Vec::new();
    for item in &mut items.active {
        item.label = None;
        item.waiting.iter_mut().for_each(trim_waiting);
    }
}

fn trim_waiting(waiting: &mut Waiting) {
    waiting.roles = Vec::new();
    if let Some(refused) = &mut waiting.refused {
        refused.message = String::new();
    }
}
