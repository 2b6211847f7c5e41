//! Events about the difference between two contents of a run. Pure.

mod attempts;
mod decisions;
mod end;
mod items;
mod lifecycle;
mod text;
mod waits;

#[cfg(test)]
mod tests;

use crds::{
    WorkflowRun, WorkflowRunStatus,
    run::{ItemsStatus, StepStatus},
};

use super::trim::is_reduced;
use crate::events::NewEvent;

pub(super) use end::end;

/// Returns what has happened to a run, in the order of a run's life. The end is a separate Event, see [`end`].
pub(super) fn events(previous: &WorkflowRun, current: &WorkflowRun) -> Vec<NewEvent> {
    let (before, now) = (status_of(previous), status_of(current));
    let mut events = Vec::new();
    events.extend(lifecycle::pinned(current, &before, &now));
    events.extend(lifecycle::waiting(&before, &now));
    events.extend(lifecycle::assigned(&before, &now));
    events.extend(lifecycle::pod_problem(&before, &now));
    events.extend(lifecycle::resumed(&before, &now));
    // What is not known of the steps before the change must not look as if it had happened now.
    let steps = if is_reduced(&before) { &[][..] } else { &now.steps };
    for step in steps {
        let unknown = StepStatus { name: step.name.clone(), ..StepStatus::default() };
        let earlier = before.steps.iter().find(|earlier| earlier.name == step.name).unwrap_or(&unknown);
        events.extend(step_events(earlier, step));
    }
    events.extend(waits::events(&before, &now));
    events.extend(lifecycle::cancel_requested(previous, current));
    events.extend(lifecycle::lost(&before, &now));
    events
}

fn step_events(before: &StepStatus, now: &StepStatus) -> Vec<NewEvent> {
    let mut events = decisions::refused(before, now);
    if let Some(items) = &now.items {
        let none = ItemsStatus::default();
        let earlier = before.items.as_ref().unwrap_or(&none);
        events.extend(items::retried(&now.name, earlier, items));
        events.extend(items::failed(&now.name, earlier, items));
    }
    events.extend(attempts::failed(before, now));
    events
}

fn status_of(run: &WorkflowRun) -> WorkflowRunStatus {
    run.status.clone().unwrap_or_default()
}
