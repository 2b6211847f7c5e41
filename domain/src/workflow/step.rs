//! One step.

use std::time::Duration;

use crds::workflow::{Backoff as BackoffSpec, ErrorKind, Retry as RetrySpec, Step as StepSpec};
use serde_json::{Value, json};

use super::action::{self, Action};
use super::graph::Graph;
use super::problems::Problems;
use super::scope::Scope;
use crate::expr::Program;
use crate::retry::Backoff;
use crate::schema::Schema;
use crate::template::Template;

/// Attempts at a step, where it does not say.
const DEFAULT_ATTEMPTS: u32 = 3;

/// A step that has been read.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The steps that must have ended before it starts.
    pub needs: Vec<String>,
    /// What it does.
    pub action: Action,
    /// What becomes of an attempt that failed.
    pub retry: Retry,
    /// How long all attempts together may take, from the start of the first.
    pub timeout: Option<Duration>,
    /// How long one attempt may take.
    pub attempt_timeout: Option<Duration>,
    /// Whether the run goes on when this step has failed.
    pub continue_on_error: bool,
    pub(crate) when: Option<Program>,
    pub(crate) with: Template,
    pub(crate) input: Option<Schema>,
    pub(crate) output: Option<Schema>,
}

/// What becomes of an attempt that failed.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The kinds of error that are tried again.
    pub on: Vec<ErrorKind>,
    /// How long to wait before the next attempt.
    pub backoff: Backoff,
    pub(crate) when: Option<Program>,
}

/// Reads a step; none if it has a problem that leaves nothing to read on with.
pub(super) fn parse(path: &str, spec: &StepSpec, graph: &Graph, problems: &mut Problems) -> Option<Step> {
    let scope = Scope::of_step(graph, &spec.name);
    if spec.for_each.is_some() {
        problems.not_available(format!("{path}.forEach"), "forEach is");
    }
    let when = spec.when.as_ref().map(|when| problems.program(&format!("{path}.when"), when, &scope));
    let empty = json!({});
    let with = problems.template(&format!("{path}.with"), spec.with.as_ref().unwrap_or(&empty), &scope);
    let schema_of = |problems: &mut Problems, field: &str, schema: Option<&Value>| {
        schema.and_then(|schema| problems.schema(&format!("{path}.{field}.schema"), schema))
    };
    let input = schema_of(problems, "input", spec.input.as_ref().and_then(|holder| holder.schema.as_ref()));
    let output =
        schema_of(problems, "output", spec.output.as_ref().and_then(|holder| holder.schema.as_ref()));
    let retry = parse_retry(&format!("{path}.retry"), spec.retry.as_ref(), &scope, problems);
    let timeout = problems.duration(&format!("{path}.timeout"), spec.timeout.as_ref());
    let attempt_timeout = problems.duration(&format!("{path}.attemptTimeout"), spec.attempt_timeout.as_ref());
    let action = action::parse(path, spec, scope, problems);
    Some(Step {
        name: spec.name.clone(),
        needs: spec.needs.clone(),
        action: action?,
        retry,
        timeout,
        attempt_timeout,
        continue_on_error: spec.continue_on_error.unwrap_or(false),
        when: when.flatten(),
        with: with?,
        input,
        output,
    })
}

fn parse_retry(path: &str, spec: Option<&RetrySpec>, scope: &Scope<'_>, problems: &mut Problems) -> Retry {
    let default = RetrySpec::default();
    let RetrySpec { attempts, backoff, on, when } = spec.unwrap_or(&default);
    let scope = scope.with(&["error"]);
    let when = when.as_ref().and_then(|when| problems.program(&format!("{path}.when"), when, &scope));
    Retry {
        attempts: attempts.unwrap_or(DEFAULT_ATTEMPTS).max(1),
        on: on.clone().unwrap_or_else(|| vec![ErrorKind::Infra]),
        backoff: parse_backoff(&format!("{path}.backoff"), backoff.as_ref(), problems),
        when,
    }
}

fn parse_backoff(path: &str, spec: Option<&BackoffSpec>, problems: &mut Problems) -> Backoff {
    let default = Backoff::default();
    let Some(BackoffSpec { initial, factor, max, jitter }) = spec else { return default };
    Backoff {
        initial: problems.duration(&format!("{path}.initial"), initial.as_ref()).unwrap_or(default.initial),
        factor: factor.unwrap_or(default.factor),
        max: problems.duration(&format!("{path}.max"), max.as_ref()).unwrap_or(default.max),
        jitter: jitter.unwrap_or(default.jitter),
    }
}
