//! Parsing of one step.

use std::time::Duration;

use crds::constants::{MAX_ITEMS, MAX_PARALLEL};
use crds::workflow::{
    Backoff as BackoffSpec, ErrorKind, ForEach as ForEachSpec, Retry as RetrySpec, Step as StepSpec,
};
use serde_json::{Value, json};

use super::action::{self, Action};
use super::context::ValidationContext;
use super::problems::Problems;
use super::scope::Scope;
use crate::expr::Program;
use crate::retry::Backoff;
use crate::schema::{self, Schema};
use crate::template::Template;

/// Attempts of a step that sets no `retry.attempts`.
const DEFAULT_ATTEMPTS: u32 = 3;
/// Kinds of errors that a step without `retry` retries.
const KINDS_WITHOUT_RETRY: &[ErrorKind] = &[ErrorKind::Infra];
/// Kinds of errors that a step with `retry` retries unless it sets `retry.kinds`. The others occur again with
/// every attempt.
const DEFAULT_KINDS: &[ErrorKind] = &[ErrorKind::Infra, ErrorKind::Timeout, ErrorKind::User];

/// A step that was parsed.
#[derive(Clone, Debug)]
pub struct Step {
    /// Name of the step, unique within the workflow.
    pub name: String,
    /// Steps that must end before this one starts.
    pub needs: Vec<String>,
    /// Action of the step.
    pub action: Action,
    /// Retry policy for failed attempts.
    pub retry: Retry,
    /// Timeout of all attempts together, from the start of the first.
    pub timeout: Option<Duration>,
    /// Timeout of one attempt.
    pub attempt_timeout: Option<Duration>,
    /// List over which the step runs, if it has a `forEach`.
    pub for_each: Option<ForEach>,
    /// Whether the run continues when this step fails.
    pub continue_on_error: bool,
    pub(crate) when: Option<Program>,
    pub(crate) with: Template,
    pub(crate) input: Option<Schema>,
    pub(crate) output: Option<Schema>,
}

/// Retry policy for failed attempts.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Maximum number of attempts, including the first.
    pub attempts: u32,
    /// Kinds of error that are retried.
    pub kinds: Vec<ErrorKind>,
    /// Delay before the next attempt.
    pub backoff: Backoff,
    pub(crate) when: Option<Program>,
}

/// List over which a step runs.
#[derive(Clone, Debug)]
pub struct ForEach {
    /// Maximum number of items that run in parallel.
    pub max_parallel: usize,
    /// Whether the other items continue when one fails.
    pub continue_on_error: bool,
    pub(crate) items: Template,
    /// Name of an item.
    pub(crate) label: Option<Template>,
}

/// Parses a step; returns `None` if it has a problem.
///
/// `when` and the list are evaluated once, so `item` is not in their scope.
pub(super) fn parse<'a>(
    path: &str,
    spec: &'a StepSpec,
    step_scope: Scope<'a>,
    context: &ValidationContext,
    problems: &mut Problems,
) -> Option<Step> {
    let mut for_each = spec
        .for_each
        .as_ref()
        .map(|for_each| parse_for_each(&format!("{path}.forEach"), for_each, &step_scope, problems));
    let scope = match &for_each {
        None => step_scope,
        Some(parsed) => {
            step_scope.with_item(parsed.as_ref().and_then(|parsed| item_schema(parsed, &step_scope)))
        }
    };
    let label = spec.for_each.as_ref().and_then(|for_each| for_each.label.as_ref());
    if let Some(label) = label {
        let label = problems.text_template(&format!("{path}.forEach.label"), label, &scope);
        for_each.iter_mut().flatten().for_each(|for_each| for_each.label.clone_from(&label));
    }
    let when = spec.when.as_ref().map(|when| problems.program(&format!("{path}.when"), when, &step_scope));
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
    let action = action::parse(path, spec, scope, context, problems);
    Some(Step {
        name: spec.name.clone(),
        needs: spec.needs.clone(),
        action: action?,
        retry,
        timeout,
        attempt_timeout,
        for_each: match for_each {
            None => None,
            Some(parsed) => Some(parsed?),
        },
        continue_on_error: spec.continue_on_error.unwrap_or(false),
        when: when.flatten(),
        with: with?,
        input,
        output,
    })
}

fn parse_for_each(
    path: &str,
    spec: &ForEachSpec,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<ForEach> {
    let ForEachSpec { items, label: _, max_parallel, continue_on_error } = spec;
    let path = format!("{path}.items");
    match items {
        Value::Array(items) if items.len() > MAX_ITEMS => {
            let message = format!(
                "the list has {} items; the limit is {MAX_ITEMS}: let each item be a batch, or start a sub-run for each part",
                items.len()
            );
            problems.add(&path, "TooManyItems", message);
        }
        Value::Array(_) => {}
        Value::String(text) if text.trim_start().starts_with("${{") => {}
        _ => problems.add(
            &path,
            "ItemsInvalid",
            "set a list, or one ${{ … }} that evaluates to a list, such as ${{ input.lines }}",
        ),
    }
    let items = problems.template(&path, items, scope)?;
    Some(ForEach {
        max_parallel: usize::try_from(max_parallel.unwrap_or(1).clamp(1, MAX_PARALLEL)).unwrap_or(1),
        continue_on_error: continue_on_error.unwrap_or(false),
        items,
        // Its templates can read the item, whose schema is known only once the list is parsed.
        label: None,
    })
}

/// Returns the schema of an item if the list is read from data with a declared schema. A schema with
/// references is not returned, since it would be used without the definitions that it refers to.
fn item_schema<'a>(for_each: &ForEach, scope: &Scope<'a>) -> Option<&'a Value> {
    let [path] = for_each.items.as_expression()?.references().paths.as_slice() else { return None };
    let item = scope.schema(path)?.get("items")?;
    (!schema::has_references(item)).then_some(item)
}

fn parse_retry(path: &str, spec: Option<&RetrySpec>, scope: &Scope<'_>, problems: &mut Problems) -> Retry {
    let default = RetrySpec { kinds: Some(KINDS_WITHOUT_RETRY.to_vec()), ..RetrySpec::default() };
    let RetrySpec { attempts, backoff, kinds, when } = spec.unwrap_or(&default);
    let scope = scope.with_variables(&["error"]);
    let when = when.as_ref().and_then(|when| problems.program(&format!("{path}.when"), when, &scope));
    Retry {
        attempts: attempts.unwrap_or(DEFAULT_ATTEMPTS).max(1),
        kinds: kinds.clone().unwrap_or_else(|| DEFAULT_KINDS.to_vec()),
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
