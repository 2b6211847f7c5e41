//! Reuse of the succeeded steps of an earlier run.

use std::collections::BTreeSet;

use crds::run::{ReuseFrom, StepPhase, StepStatus};

use crate::workflow::ValidWorkflow;

/// Returns the steps that a run reuses from an earlier run of the same workflow: those that succeeded or were
/// skipped, and do not depend on a step that runs again. The steps named by `from` run again, as do all steps
/// that did not succeed; the keyword `Failed` names none in addition. `onExit` steps always run again.
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
    let rerun: BTreeSet<&str> = workflow
        .steps()
        .iter()
        .map(|step| step.name.as_str())
        .filter(|name| named.contains(name) || !done(name))
        .collect();
    let depends = |name: &str| {
        workflow
            .upstream(name)
            .is_some_and(|upstream| upstream.iter().any(|step| rerun.contains(step.as_str())))
    };
    let reused =
        workflow.steps().iter().filter(|step| !rerun.contains(step.name.as_str()) && !depends(&step.name));
    reused.filter_map(|step| earlier.iter().find(|status| status.name == step.name)).cloned().collect()
}

/// Returns the names in `from` that are not steps of the workflow. `onExit` steps always run again and cannot be named.
#[must_use]
pub fn unknown_steps<'a>(workflow: &ValidWorkflow, from: &'a ReuseFrom) -> Vec<&'a str> {
    let named = match from {
        ReuseFrom::Keyword(_) => &[][..],
        ReuseFrom::Steps(steps) => steps,
    };
    let is_known = |name: &str| workflow.steps().iter().any(|step| step.name == name);
    named.iter().map(String::as_str).filter(|name| !is_known(name)).collect()
}
