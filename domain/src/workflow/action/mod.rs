//! What a step does.

mod approval;
mod http;
mod wait;

use std::collections::BTreeMap;

use crds::workflow::{Action as ActionSpec, ContainerAction, PythonAction, Step as StepSpec};
use serde_json::Value;

pub use approval::Approval;
pub use http::{Http, HttpBody, HttpCredentials, HttpTls};
pub use wait::Wait;

use super::problems::Problems;
use super::scope::Scope;
use super::{ValidationContext, calls};
use crate::template::Template;

/// What a step does, parsed. Kinds that are not available yet do not get this far.
#[derive(Clone, Debug)]
pub enum Action {
    /// Evaluates templates.
    Expr(Template),
    /// Runs a Python function.
    Python(Python),
    /// Calls an HTTP endpoint.
    Http(Box<Http>),
    /// Runs a command.
    Container(Container),
    /// Runs another workflow.
    Workflow(SubWorkflow),
    /// Waits for a person's decision.
    Approval(Box<Approval>),
    /// Waits for a time.
    Wait(Wait),
}

impl Action {
    /// Returns whether a failed attempt may be retried. Approvals and waits are not retried: a second attempt would
    /// end with the same decision, or at the same time.
    pub(crate) fn is_retryable(&self) -> bool {
        !matches!(self, Self::Approval(_) | Self::Wait(_))
    }
}

/// A command in an image.
#[derive(Clone, Debug)]
pub struct Container {
    /// The program and its first arguments.
    pub command: Vec<String>,
    /// Further arguments.
    pub(crate) args: Vec<Template>,
    /// Environment variables.
    pub(crate) env: BTreeMap<String, Template>,
}

/// A run of another workflow; its input is the step's.
#[derive(Clone, Debug)]
pub struct SubWorkflow {
    /// The workflow, in the same namespace.
    pub name: String,
}

/// A Python function.
#[derive(Clone, Debug)]
pub struct Python {
    /// Defines `def run(input, ctx)`.
    pub code: String,
    /// Modules to import beforehand.
    pub preload: Vec<String>,
    /// Environment variables.
    pub(crate) env: BTreeMap<String, Template>,
}

/// Reads the action; none if it has a problem.
pub(super) fn parse(
    path: &str,
    spec: &StepSpec,
    scope: Scope<'_>,
    context: &ValidationContext,
    problems: &mut Problems,
) -> Option<Action> {
    match spec.action() {
        Some(ActionSpec::Expr(expr)) => {
            problems.template(&format!("{path}.expr.value"), &expr.value, &scope).map(Action::Expr)
        }
        Some(ActionSpec::Python(python)) => {
            parse_python(&format!("{path}.python"), python, scope, problems).map(Action::Python)
        }
        Some(ActionSpec::Http(http)) => {
            let http = http::parse(&format!("{path}.http"), http, scope, problems);
            http.map(|http| Action::Http(Box::new(http)))
        }
        Some(ActionSpec::Container(container)) => {
            parse_container(&format!("{path}.container"), container, scope, problems).map(Action::Container)
        }
        Some(ActionSpec::Workflow(workflow)) => {
            calls::check(&format!("{path}.workflow"), spec, &workflow.name, context, problems);
            Some(Action::Workflow(SubWorkflow { name: workflow.name.clone() }))
        }
        Some(ActionSpec::Approval(approval)) => {
            let approval = approval::parse(&format!("{path}.approval"), approval, &scope, problems);
            approval.map(|approval| Action::Approval(Box::new(approval)))
        }
        Some(ActionSpec::Wait(wait)) => {
            wait::parse(&format!("{path}.wait"), wait, &scope, problems).map(Action::Wait)
        }
        Some(ActionSpec::Search(_)) => {
            problems.not_available(format!("{path}.search"), "search steps are");
            None
        }
        None => {
            problems.add(
                path,
                "NoAction",
                "the step must have exactly one of http, python, expr and the other actions",
            );
            None
        }
    }
}

fn parse_container(
    path: &str,
    spec: &ContainerAction,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Container> {
    // Image and resources are not the step's but its host's: see `hosts`.
    let ContainerAction { image: _, command, args, env, resources: _ } = spec;
    let args: Vec<_> = args
        .iter()
        .enumerate()
        .map(|(index, arg)| {
            problems.template(&format!("{path}.args[{index}]"), &Value::String(arg.clone()), &scope)
        })
        .collect();
    let env = texts(&format!("{path}.env"), env, &scope.with_secrets(), problems);
    Some(Container { command: command.clone(), args: args.into_iter().collect::<Option<_>>()?, env: env? })
}

fn parse_python(
    path: &str,
    spec: &PythonAction,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Python> {
    // Image and resources are not the step's but its host's: see `hosts`.
    let PythonAction { code, image: _, preload, env, resources: _ } = spec;
    let env = texts(&format!("{path}.env"), env, &scope.with_secrets(), problems);
    Some(Python { code: code.clone(), preload: preload.clone(), env: env? })
}

/// Templates by name, as in `env`, `headers`, `query` and `form`.
fn texts(
    path: &str,
    texts: &BTreeMap<String, String>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<BTreeMap<String, Template>> {
    let read: Vec<_> = texts
        .iter()
        .map(|(name, text)| text_named(&format!("{path}.{name}"), name, text, scope, problems))
        .collect();
    read.into_iter().collect()
}

fn text_named(
    path: &str,
    name: &str,
    text: &str,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<(String, Template)> {
    problems
        .template(path, &Value::String(text.to_owned()), scope)
        .map(|template| (name.to_owned(), template))
}
