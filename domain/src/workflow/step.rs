//! One step.

use std::time::Duration;

use crds::constants::{MAX_ITEMS, MAX_PARALLEL};
use crds::workflow::{
    Backoff as BackoffSpec, ErrorKind, ForEach as ForEachSpec, Retry as RetrySpec, Step as StepSpec,
};
use serde_json::{Value, json};

use super::ValidationContext;
use super::action::{self, Action};
use super::problems::Problems;
use super::scope::Scope;
use crate::expr::Program;
use crate::retry::Backoff;
use crate::schema::{self, Schema};
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
    /// Over which list it runs, if it does.
    pub for_each: Option<ForEach>,
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

/// The list that a step runs over.
#[derive(Clone, Debug)]
pub struct ForEach {
    /// How many items at one time.
    pub max_parallel: usize,
    /// Whether the others go on when one has failed.
    pub continue_on_error: bool,
    pub(crate) items: Template,
}

/// Reads a step; none if it has a problem that leaves nothing to read on with.
///
/// `when` and the list are read once, before there is an item.
pub(super) fn parse<'a>(
    path: &str,
    spec: &'a StepSpec,
    of_step: Scope<'a>,
    context: &ValidationContext,
    problems: &mut Problems,
) -> Option<Step> {
    let for_each = spec
        .for_each
        .as_ref()
        .map(|for_each| parse_for_each(&format!("{path}.forEach"), for_each, &of_step, problems));
    let scope = match &for_each {
        None => of_step,
        Some(read) => of_step.with_item(read.as_ref().and_then(|read| item_type(read, &of_step))),
    };
    let when = spec.when.as_ref().map(|when| problems.program(&format!("{path}.when"), when, &of_step));
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
            Some(read) => Some(read?),
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
    let ForEachSpec { items, max_parallel, continue_on_error } = spec;
    let path = format!("{path}.items");
    match items {
        Value::Array(items) if items.len() > MAX_ITEMS => {
            let message = format!("the list has {} items; at most {MAX_ITEMS} are allowed", items.len());
            problems.add(&path, "TooManyItems", message);
        }
        Value::Array(_) => {}
        Value::String(text) if text.trim_start().starts_with("${{") => {}
        _ => problems.add(&path, "ItemsInvalid", "give a list, or one ${{ … }} that gives a list"),
    }
    let items = problems.template(&path, items, scope)?;
    Some(ForEach {
        max_parallel: usize::try_from(max_parallel.unwrap_or(1).clamp(1, MAX_PARALLEL)).unwrap_or(1),
        continue_on_error: continue_on_error.unwrap_or(false),
        items,
    })
}

/// The type of an item, where the list is read from data whose type is declared: a schema without references, since it is
/// looked at away from its definitions.
fn item_type<'a>(for_each: &ForEach, scope: &Scope<'a>) -> Option<&'a Value> {
    let [path] = for_each.items.as_expression()?.references().paths.as_slice() else { return None };
    let item = scope.schema(path)?.get("items")?;
    (!schema::has_references(item)).then_some(item)
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
