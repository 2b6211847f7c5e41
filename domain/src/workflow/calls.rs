//! Checks of `workflow` steps, which run another workflow.

use std::collections::{BTreeMap, BTreeSet};

use crds::workflow::Step as StepSpec;
use serde_json::{Value, json};

use super::context::{ReferencedWorkflow, ValidationContext};
use super::problems::Problems;
use crate::schema;
use crate::spelling::similar;
use crate::template::Template;

/// Checks, as far as the context knows, that the sub-workflow exists, does not run this workflow again, and
/// accepts its input.
pub(super) fn check(
    path: &str,
    step: &StepSpec,
    name: &str,
    context: &ValidationContext,
    problems: &mut Problems,
) {
    if context.own_name.as_deref() == Some(name) {
        let message = format!("workflow cycle: {name} → {name}: a workflow must not run itself");
        problems.add(format!("{path}.name"), "SubWorkflowCycle", message);
        return;
    }
    let Some(known) = &context.workflows else { return };
    let Some(called) = known.get(name) else {
        let hint = match similar(name, known.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "create it; this problem then clears".to_owned(),
        };
        let message = format!("Workflow {name} does not exist in this namespace; {hint}");
        problems.add(format!("{path}.name"), "UnknownWorkflow", message);
        return;
    };
    if let Some(own) = &context.own_name
        && let Some(chain) = call_chain(known, name, own)
    {
        let message = format!(
            "workflow cycle: {own} → {}: a workflow must not run itself, so remove one of these workflow steps",
            chain.join(" → ")
        );
        problems.add(format!("{path}.name"), "SubWorkflowCycle", message);
    }
    check_input(path, step, (name, called), problems);
}

/// Returns the workflows from `from` to `to`, both included, of which each runs the next; `None` if there is
/// no such chain.
fn call_chain<'a>(
    known: &'a BTreeMap<String, ReferencedWorkflow>,
    from: &'a str,
    to: &str,
) -> Option<Vec<&'a str>> {
    let mut visited = BTreeSet::from([from]);
    let mut pending = vec![vec![from]];
    while let Some(chain) = pending.pop() {
        let calls = chain.last().and_then(|last| known.get(*last)).map(|called| &called.calls);
        for call in calls.into_iter().flatten() {
            let longer: Vec<&str> = chain.iter().copied().chain([call.as_str()]).collect();
            if call == to {
                return Some(longer);
            }
            if visited.insert(call) {
                pending.push(longer);
            }
        }
    }
    None
}

/// Checks the input of a sub-workflow against its schema, if `with` contains no expression.
fn check_input(
    path: &str,
    step: &StepSpec,
    (name, called): (&str, &ReferencedWorkflow),
    problems: &mut Problems,
) {
    let empty = json!({});
    let with: &Value = step.with.as_ref().unwrap_or(&empty);
    let Some(schema) = called.input.as_ref().filter(|_| is_literal(with)) else { return };
    // `$${{` is a literal `${{`, and no expression.
    let value = Template::parse(with).ok().and_then(|template| template.as_literal());
    let Some(value) = value else { return };
    let violations = problems.value_checks.check_input(name, schema, &value);
    if !violations.is_empty() {
        let step_path = path.strip_suffix(".workflow").unwrap_or(path);
        let message = format!(
            "the input violates the input schema of the sub-workflow: {}",
            schema::describe_violations(&violations)
        );
        problems.add(format!("{step_path}.with"), "SubWorkflowInput", message);
    }
}

/// Returns whether no string of a template has an expression, which would be parsed only to be discarded.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.replace("$${{", "").contains("${{"),
        Value::Array(items) => items.iter().all(is_literal),
        Value::Object(fields) => fields.values().all(is_literal),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}
