//! From a spec to a workflow that may be run, or to everything that is wrong with it.

use std::collections::BTreeSet;

use crds::WorkflowSpec;
use crds::workflow::{Concurrency as ConcurrencySpec, ConcurrencyPolicy, Step as StepSpec};

use super::graph::Graph;
use super::problems::{Problem, Problems};
use super::scope::Scope;
use super::step;
use super::{Concurrency, DEFAULT_TIMEOUT, Environment, Parsed, Valid};
use crate::schema;

/// Reads a workflow.
///
/// # Errors
/// Every problem, sorted by path.
pub fn validate(spec: &WorkflowSpec, _environment: &Environment) -> Result<Valid, Vec<Problem>> {
    let mut problems = Problems::default();
    let graph = Graph::new(spec.steps.iter().map(|step| (step.name.as_str(), step.needs.as_slice())));
    check_graph(spec, &graph, &mut problems);
    check_schema_size(spec, &mut problems);
    refuse_unavailable(spec, &mut problems);
    let parsed = parse(spec, graph, &mut problems);
    match parsed {
        Some(parsed) if problems.is_empty() => Ok(Valid(std::sync::Arc::new(parsed))),
        _ => Err(problems.into_sorted()),
    }
}

fn parse(spec: &WorkflowSpec, graph: Graph, problems: &mut Problems) -> Option<Parsed> {
    let input = spec.input.as_ref().and_then(|input| input.schema.as_ref());
    let input = input.and_then(|input| problems.schema("spec.input.schema", input));
    let steps: Option<Vec<_>> = spec
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| step::parse(&format!("spec.steps[{index}]"), step, &graph, problems))
        // Not collected at once into an Option, which would end at the first step with a problem.
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    let output = spec.output.as_ref();
    let output =
        output.and_then(|output| problems.template("spec.output", output, &Scope::after_all(&graph)));
    let timeout = problems.duration("spec.timeout", spec.timeout.as_ref()).unwrap_or(DEFAULT_TIMEOUT);
    let concurrency = spec.concurrency.as_ref().map(|concurrency| parse_concurrency(concurrency, problems));
    Some(Parsed { steps: steps?, graph, input, output, timeout, concurrency })
}

fn parse_concurrency(spec: &ConcurrencySpec, problems: &mut Problems) -> Concurrency {
    if !matches!(spec.policy, None | Some(ConcurrencyPolicy::Queue)) {
        problems.not_available("spec.concurrency.policy", "policies other than Queue are");
    }
    // The run has not been admitted yet: nothing but its input exists.
    let graph = Graph::default();
    let path = "spec.concurrency.key";
    let key = spec.key.as_ref().and_then(|key| problems.program(path, key, &Scope::of_input(&graph)));
    Concurrency { key, limit: spec.limit }
}

fn check_graph(spec: &WorkflowSpec, graph: &Graph, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    let mut in_known_cycle: BTreeSet<String> = BTreeSet::new();
    if spec.steps.is_empty() {
        problems.add("spec.steps", "NoSteps", "a workflow needs at least one step");
    }
    for (index, step) in spec.steps.iter().enumerate() {
        let path = format!("spec.steps[{index}]");
        if !seen.insert(step.name.as_str()) {
            problems.add(
                format!("{path}.name"),
                "DuplicateName",
                format!("there is another step {}", step.name),
            );
        }
        check_needs(&path, step, graph, problems);
        if in_known_cycle.contains(&step.name) {
            continue;
        }
        if let Some(cycle) = graph.cycle(&step.name) {
            in_known_cycle.extend(cycle.iter().map(|step| (*step).to_owned()));
            let around: Vec<&str> = cycle.into_iter().chain([step.name.as_str()]).collect();
            problems.add(
                format!("{path}.needs"),
                "Cycle",
                format!("the step needs itself: {}", around.join(" needs ")),
            );
        }
    }
}

fn check_needs(path: &str, step: &StepSpec, graph: &Graph, problems: &mut Problems) {
    for (index, need) in step.needs.iter().enumerate() {
        if !graph.contains(need) {
            problems.add(format!("{path}.needs[{index}]"), "UnknownStep", format!("there is no step {need}"));
        }
    }
}

fn check_schema_size(spec: &WorkflowSpec, problems: &mut Problems) {
    let of_steps = spec.steps.iter().flat_map(|step| [&step.input, &step.output]);
    let of_steps = of_steps.flatten().filter_map(|holder| holder.schema.as_ref());
    let of_input = spec.input.iter().filter_map(|input| input.schema.as_ref());
    let bytes: usize = of_steps.chain(of_input).map(schema::size).sum();
    if bytes > schema::MAX_BYTES {
        let limit = schema::MAX_BYTES;
        let message =
            format!("all schemas of the workflow together have {bytes} bytes; at most {limit} are allowed");
        problems.add("spec", "SchemasTooLarge", message);
    }
}

fn refuse_unavailable(spec: &WorkflowSpec, problems: &mut Problems) {
    if !spec.on_exit.is_empty() {
        problems.not_available("spec.onExit", "onExit steps are");
    }
    if !spec.schedules.is_empty() {
        problems.not_available("spec.schedules", "schedules are");
    }
    if !spec.secrets.is_empty() {
        problems.not_available("spec.secrets", "secrets are");
    }
}
