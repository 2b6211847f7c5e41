//! Validation of a spec: returns a valid workflow, or all of its problems.

use std::collections::{BTreeMap, BTreeSet};

use crds::WorkflowSpec;
use crds::workflow::{Concurrency as ConcurrencySpec, Step as StepSpec};
use serde_json::Value;

use super::context::ValidationContext;
use super::graph::Graph;
use super::problems::{Problem, Problems};
use super::scope::{Names, Scope};
use super::step::{self, Step};
use super::types::{StepType, Types};
use super::valid::{Concurrency, DEFAULT_TIMEOUT, Parsed, ValidWorkflow};
use super::{schedules, secrets, shapes};
use crate::image::ImageProblem;
use crate::schema;
use crate::spelling::{list, similar};

/// Validates a workflow.
///
/// # Errors
/// Returns all problems, sorted by path.
pub fn validate(spec: &WorkflowSpec, context: &ValidationContext) -> Result<ValidWorkflow, Vec<Problem>> {
    let mut problems = Problems::default();
    let (graph, exit_graph) = (build_graph(&spec.steps), build_graph(&spec.on_exit));
    check_graphs(spec, &graph, &exit_graph, &mut problems);
    check_schema_size(spec, &mut problems);
    secrets::check(spec, context, &mut problems);
    check_images(spec, context, &mut problems);
    let steps = spec.steps.iter().chain(&spec.on_exit);
    let shapes = shapes::of_steps(steps, |name| context.workflows.as_ref()?.get(name)?.output.clone());
    let parts = {
        let names = collect_names(spec, context, (&graph, &exit_graph), &shapes);
        parse(spec, context, &names, &mut problems)
    };
    match parts {
        Some(parts) if problems.is_empty() => Ok(ValidWorkflow::new(parts.with_graphs(graph, exit_graph))),
        _ => Err(problems.into_sorted()),
    }
}

fn check_images(spec: &WorkflowSpec, context: &ValidationContext, problems: &mut Problems) {
    for (path, problem) in context.images.iter().flat_map(|images| images.problems_of(spec)) {
        let code = match problem {
            ImageProblem::Invalid { .. } => "ImageInvalid",
            ImageProblem::RegistryNotAllowed { .. } | ImageProblem::Platform { .. } => "ImageNotAllowed",
        };
        problems.add(path, code, problem.to_string());
    }
}

fn build_graph(steps: &[StepSpec]) -> Graph {
    Graph::new(steps.iter().map(|step| (step.name.as_str(), step.needs.as_slice())))
}

fn collect_names<'a>(
    spec: &'a WorkflowSpec,
    context: &'a ValidationContext,
    (graph, exit_graph): (&'a Graph, &'a Graph),
    shapes: &'a BTreeMap<&str, Value>,
) -> Names<'a> {
    let all = || spec.steps.iter().chain(&spec.on_exit);
    let types = all().map(|step| {
        let output = step.output.as_ref().and_then(|output| output.schema.as_ref());
        let (name, is_list) = (step.name.as_str(), step.for_each.is_some());
        (name, StepType { output, shape: shapes.get(name), is_list })
    });
    Names {
        graph,
        exit_graph,
        secrets: spec.secrets.iter().map(|secret| secret.name.as_str()).collect(),
        for_each_steps: all().filter(|step| step.for_each.is_some()).map(|step| step.name.as_str()).collect(),
        types: Types {
            input: spec.input.as_ref().and_then(|input| input.schema.as_ref()),
            steps: types.collect(),
        },
        keys: secrets::keys(spec, context),
    }
}

/// The parsed parts of a workflow without its graphs, which are borrowed while the parts are parsed.
struct ParsedParts {
    steps: Vec<Step>,
    on_exit: Vec<Step>,
    input: Option<schema::Schema>,
    output: Option<crate::template::Template>,
    timeout: std::time::Duration,
    concurrency: Option<Concurrency>,
}

impl ParsedParts {
    fn with_graphs(self, graph: Graph, exit_graph: Graph) -> Parsed {
        let Self { steps, on_exit, input, output, timeout, concurrency } = self;
        Parsed { steps, on_exit, graph, exit_graph, input, output, timeout, concurrency }
    }
}

fn parse<'a>(
    spec: &'a WorkflowSpec,
    context: &ValidationContext,
    names: &'a Names<'a>,
    problems: &mut Problems,
) -> Option<ParsedParts> {
    let input = spec.input.as_ref().and_then(|input| input.schema.as_ref());
    let input = input.and_then(|input| problems.schema("spec.input.schema", input));
    schedules::check(spec, input.as_ref(), context, problems);
    let mut parse_step = |field: &str, index: usize, step: &'a StepSpec, scope: Scope<'a>| {
        step::parse(&format!("spec.{field}[{index}]"), step, scope, context, problems)
    };
    // The steps are collected in two passes: collecting into an Option at once would stop at the first step
    // with a problem.
    let steps = spec.steps.iter().enumerate();
    let steps: Vec<_> = steps
        .map(|(index, step)| parse_step("steps", index, step, Scope::of_step(names, &step.name)))
        .collect();
    let on_exit = spec.on_exit.iter().enumerate();
    let on_exit: Vec<_> = on_exit
        .map(|(index, step)| parse_step("onExit", index, step, Scope::of_exit(names, &step.name)))
        .collect();
    let output = spec.output.as_ref();
    let output = output.and_then(|output| problems.template("spec.output", output, &Scope::after_all(names)));
    let timeout = problems.duration("spec.timeout", spec.timeout.as_ref()).unwrap_or(DEFAULT_TIMEOUT);
    let concurrency =
        spec.concurrency.as_ref().map(|concurrency| parse_concurrency(concurrency, names, problems));
    let steps = steps.into_iter().collect::<Option<_>>()?;
    let on_exit = on_exit.into_iter().collect::<Option<_>>()?;
    Some(ParsedParts { steps, on_exit, input, output, timeout, concurrency })
}

fn parse_concurrency(spec: &ConcurrencySpec, names: &Names<'_>, problems: &mut Problems) -> Concurrency {
    let path = "spec.concurrency.key";
    let key = spec.key.as_ref().and_then(|key| problems.program(path, key, &Scope::of_input(names)));
    Concurrency { key, limit: spec.limit, policy: spec.policy.unwrap_or_default() }
}

fn check_graphs(spec: &WorkflowSpec, graph: &Graph, exit_graph: &Graph, problems: &mut Problems) {
    if spec.steps.is_empty() {
        problems.add(
            "spec.steps",
            "NoSteps",
            "the workflow has no steps: add at least one, such as {name: hello, expr: {value: hello}}",
        );
    }
    let mut names = BTreeSet::new();
    check_graph("spec.steps", &spec.steps, graph, &mut names, problems);
    check_graph("spec.onExit", &spec.on_exit, exit_graph, &mut names, problems);
}

fn check_graph<'a>(
    field: &str,
    steps: &'a [StepSpec],
    graph: &Graph,
    names: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) {
    let mut in_reported_cycle: BTreeSet<String> = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        let path = format!("{field}[{index}]");
        if !names.insert(step.name.as_str()) {
            let message = format!(
                "duplicate step name {}: names are unique across steps and onExit, so rename one of them",
                step.name
            );
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        check_needs(&path, step, graph, problems);
        if in_reported_cycle.contains(&step.name) {
            continue;
        }
        if let Some(cycle) = graph.cycle(&step.name) {
            in_reported_cycle.extend(cycle.iter().map(|step| (*step).to_owned()));
            let closed: Vec<&str> = cycle.into_iter().chain([step.name.as_str()]).collect();
            let message = format!(
                "dependency cycle: {}: remove one of these names from the needs of the step before it",
                closed.join(" → ")
            );
            problems.add(format!("{path}.needs"), "Cycle", message);
        }
    }
}

fn check_needs(path: &str, step: &StepSpec, graph: &Graph, problems: &mut Problems) {
    for (index, need) in step.needs.iter().enumerate() {
        if graph.contains(need) {
            continue;
        }
        let others = || graph.names().filter(|name| *name != step.name);
        let hint = match similar(need, others()) {
            Some(meant) => format!("did you mean {meant}?"),
            None if others().next().is_none() => "there is no other step".to_owned(),
            None => format!("the other steps are {}", list(others())),
        };
        let message = format!("step {} needs {need}, which does not exist; {hint}", step.name);
        problems.add(format!("{path}.needs[{index}]"), "UnknownStep", message);
    }
}

fn check_schema_size(spec: &WorkflowSpec, problems: &mut Problems) {
    let all = || spec.steps.iter().chain(&spec.on_exit);
    let step_schemas = all().flat_map(|step| [&step.input, &step.output]);
    let step_schemas = step_schemas.flatten().filter_map(|holder| holder.schema.as_ref());
    let approval_schemas = all().filter_map(|step| step.approval.as_ref()?.schema.as_ref());
    let input_schema = spec.input.iter().filter_map(|input| input.schema.as_ref());
    let bytes: usize = step_schemas.chain(approval_schemas).chain(input_schema).map(schema::json_size).sum();
    if bytes > schema::MAX_BYTES {
        let limit = schema::MAX_BYTES;
        let message = format!(
            "all schemas of the workflow together have {bytes} bytes; the limit is {limit}: share parts with $ref, or remove descriptions"
        );
        problems.add("spec", "SchemasTooLarge", message);
    }
}
