//! Reuse of the succeeded steps of an earlier run.

use std::collections::BTreeSet;

use crds::run::{ReuseFrom, StepPhase, StepStatus};

use crate::workflow::ValidWorkflow;

/// The steps that a run takes over from an earlier run of the same workflow: those that succeeded, or were skipped, and
/// depend on none that runs again. Those named by `from` run again; with the word `Failed` those that did not succeed.
/// `onExit` steps always run again.
#[must_use]
pub fn reusable_steps(workflow: &ValidWorkflow, earlier: &[StepStatus], from: &ReuseFrom) -> Vec<StepStatus> {
    let named: BTreeSet<&str> = match from {
        ReuseFrom::Keyword(_) => BTreeSet::new(),
        ReuseFrom::Steps(steps) => steps.iter().map(String::as_str).collect(),
    };
    let done = |name: &str| {
        let phase = earlier.iter().find(|step| step.name == name).map(|step| step.phase);
        matches!(phase, Some(StepPhase::Succeeded | StepPhase::Skipped))
    };
    let again: BTreeSet<&str> = workflow
        .steps()
        .iter()
        .map(|step| step.name.as_str())
        .filter(|name| named.contains(name) || !done(name))
        .collect();
    let depends = |name: &str| {
        workflow
            .upstream(name)
            .is_some_and(|upstream| upstream.iter().any(|step| again.contains(step.as_str())))
    };
    let taken =
        workflow.steps().iter().filter(|step| !again.contains(step.name.as_str()) && !depends(&step.name));
    taken.filter_map(|step| earlier.iter().find(|status| status.name == step.name)).cloned().collect()
}
