//! What a step does.

mod http;

use std::collections::BTreeMap;

use crds::workflow::{Action as ActionSpec, PythonAction, Step as StepSpec};
use serde_json::Value;

pub use http::{Http, HttpBody, HttpCredentials};

use super::problems::Problems;
use super::scope::Scope;
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
    problems: &mut Problems,
) -> Option<Action> {
    let kind = match spec.action() {
        Some(ActionSpec::Expr(expr)) => {
            return problems.template(&format!("{path}.expr.value"), &expr.value, &scope).map(Action::Expr);
        }
        Some(ActionSpec::Python(python)) => {
            return parse_python(&format!("{path}.python"), python, scope, problems).map(Action::Python);
        }
        Some(ActionSpec::Http(http)) => {
            let http = http::parse(&format!("{path}.http"), http, scope, problems);
            return http.map(|http| Action::Http(Box::new(http)));
        }
        Some(ActionSpec::Container(_)) => "container",
        Some(ActionSpec::Workflow(_)) => "workflow",
        Some(ActionSpec::Approval(_)) => "approval",
        Some(ActionSpec::Wait(_)) => "wait",
        Some(ActionSpec::Search(_)) => "search",
        None => {
            problems.add(
                path,
                "NoAction",
                "the step must have exactly one of http, python, expr and the other actions",
            );
            return None;
        }
    };
    problems.not_available(format!("{path}.{kind}"), &format!("{kind} steps are"));
    None
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
