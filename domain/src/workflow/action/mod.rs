//! Actions of steps.

mod approval;
mod http;
mod python;
mod wait;

use std::collections::BTreeMap;

use crds::workflow::{Action as ActionSpec, ContainerAction, Step as StepSpec};

pub use approval::Approval;
pub use http::{Http, HttpBody, HttpCredentials, HttpTls};
pub use python::Python;
pub use wait::Wait;
pub(crate) use wait::WaitEnd;

use super::calls;
use super::context::ValidationContext;
use super::problems::Problems;
use super::scope::Scope;
use crate::template::Template;

/// Action of a step that was parsed. Kinds that are not supported yet are refused before.
#[derive(Clone, Debug)]
pub enum Action {
    /// Evaluates a template.
    Expr(Template),
    /// Runs a Python function.
    Python(Python),
    /// Sends an HTTP request.
    Http(Box<Http>),
    /// Runs a command in an image.
    Container(Container),
    /// Runs another workflow.
    Workflow(SubWorkflow),
    /// Waits for a user's decision.
    Approval(Box<Approval>),
    /// Waits for a duration or until a time.
    Wait(Wait),
}

impl Action {
    /// Returns whether a failed attempt may be retried. Approvals and waits are not retried: a second attempt
    /// would end with the same decision, or at the same time.
    pub(crate) fn is_retryable(&self) -> bool {
        !matches!(self, Self::Approval(_) | Self::Wait(_))
    }
}

/// A command in an image.
#[derive(Clone, Debug)]
pub struct Container {
    /// Program and its first arguments.
    pub command: Vec<String>,
    /// Further arguments.
    pub(crate) args: Vec<Template>,
    /// Working directory; `None` means the directory of the attempt.
    pub working_dir: Option<String>,
    /// Environment variables.
    pub(crate) env: BTreeMap<String, Template>,
}

/// A run of another workflow, with the input of the step.
#[derive(Clone, Debug)]
pub struct SubWorkflow {
    /// Name of the workflow, in the same namespace.
    pub name: String,
}

/// Parses the action of a step; returns `None` if it has a problem.
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
            python::parse(&format!("{path}.python"), python, scope, context, problems).map(Action::Python)
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
            problems.not_available(format!("{path}.search"), "search steps");
            None
        }
        None => {
            problems.add(
                path,
                "NoAction",
                "the step must set exactly one of http, python, container, workflow, approval, wait, search and expr",
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
    // Image and resources configure the host container of the step: see `hosts`.
    let ContainerAction { image: _, command, args, working_dir, env, resources: _ } = spec;
    let args: Vec<_> = args
        .iter()
        .enumerate()
        .map(|(index, arg)| problems.text_template(&format!("{path}.args[{index}]"), arg, &scope))
        .collect();
    let env = problems.text_templates(&format!("{path}.env"), env, &scope.with_secrets());
    Some(Container {
        command: command.clone(),
        args: args.into_iter().collect::<Option<_>>()?,
        working_dir: working_dir.clone(),
        env: env?,
    })
}
