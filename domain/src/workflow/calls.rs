//! Steps that run another workflow.

use std::collections::{BTreeMap, BTreeSet};

use crds::workflow::Step as StepSpec;
use serde_json::{Value, json};

use super::problems::Problems;
use super::{ReferencedWorkflow, ValidationContext};
use crate::schema::{self, Schema};
use crate::template::Template;

/// The workflow exists, does not come back to this one, and takes what it is given, as far as that is known.
pub(super) fn check(
    path: &str,
    step: &StepSpec,
    name: &str,
    context: &ValidationContext,
    problems: &mut Problems,
) {
    if context.own_name.as_deref() == Some(name) {
        problems.add(
            format!("{path}.name"),
            "SubWorkflowCycle",
            format!("the workflow {name} would run itself"),
        );
        return;
    }
    let Some(known) = &context.workflows else { return };
    let Some(facts) = known.get(name) else {
        let message = format!("there is no workflow {name} in this namespace");
        problems.add(format!("{path}.name"), "UnknownWorkflow", message);
        return;
    };
    if let Some(own) = &context.own_name
        && let Some(way) = way_back(known, name, own)
    {
        let message = format!("{own} would run itself: {own} runs {}", way.join(" runs "));
        problems.add(format!("{path}.name"), "SubWorkflowCycle", message);
    }
    check_input(path, step, facts, problems);
}

/// The workflows from `from` to `to`, both included, if each runs the next.
fn way_back<'a>(
    known: &'a BTreeMap<String, ReferencedWorkflow>,
    from: &'a str,
    to: &str,
) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![vec![from]];
    while let Some(way) = open.pop() {
        let calls = way.last().and_then(|last| known.get(*last)).map(|facts| &facts.calls);
        for call in calls.into_iter().flatten() {
            let further: Vec<&str> = way.iter().copied().chain([call.as_str()]).collect();
            if call == to {
                return Some(further);
            }
            if seen.insert(call) {
                open.push(further);
            }
        }
    }
    None
}

/// Where `with` has no expression in it, its value is known.
fn check_input(path: &str, step: &StepSpec, facts: &ReferencedWorkflow, problems: &mut Problems) {
    let empty = json!({});
    let with: &Value = step.with.as_ref().unwrap_or(&empty);
    let literal = Template::parse(with).ok().and_then(|template| template.as_literal());
    let schema = facts.input.as_ref().and_then(|schema| Schema::compile(schema).ok());
    if let (Some(value), Some(schema)) = (literal, schema)
        && let Err(violations) = schema.check(&value)
    {
        let step_path = path.strip_suffix(".workflow").unwrap_or(path);
        let message = format!(
            "the input of the sub-workflow breaks its schema: {}",
            schema::describe_violations(&violations)
        );
        problems.add(format!("{step_path}.with"), "SubWorkflowInput", message);
    }
}
