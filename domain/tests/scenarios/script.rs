//! Outcomes of attempts, as the field `pure` of a scenario specifies them.

use std::time::Duration;

use domain::expr::Context;
use domain::run::{Failure, Outcome, StartAttempt, Task, step_error};
use domain::template::Template;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::format::ScriptedResult;

/// State of a simulated attempt.
pub(crate) enum Ended {
    With(Outcome),
    /// The attempt continues.
    Not,
}

/// Returns the end of an attempt, as its script specifies.
pub(crate) fn outcome(scripted: ScriptedResult, start: &StartAttempt, now: Timestamp) -> Ended {
    Ended::With(match scripted {
        ScriptedResult::Output(value) => Outcome::Succeeded(render_output(&value, start).into()),
        ScriptedResult::Hang if start.deadline <= now => Outcome::TimedOut,
        ScriptedResult::Hang => return Ended::Not,
        ScriptedResult::Fail(failed) => {
            let mut failure = Failure::from(step_error(failed.kind, &failed.code, failed.message));
            failure.retry_after = failed.retry_after.map(Duration::from_secs);
            Outcome::Failed(failure)
        }
    })
}

/// Returns whether the server has received the request: the attempt succeeded, or failed with an HTTP status.
pub(crate) fn is_received(scripted: &ScriptedResult) -> bool {
    let ScriptedResult::Fail(failed) = scripted else { return true };
    failed.code.strip_prefix("HTTP_").is_some_and(|status| status.parse::<u16>().is_ok())
}

/// Returns the output with its templates rendered and its abbreviations expanded.
fn render_output(value: &Value, start: &StartAttempt) -> Value {
    let (args, env) = match &start.task {
        Task::Python { env, .. } => (json!([]), json!(env)),
        Task::Container { args, env, .. } => (json!(args), json!(env)),
        _ => (json!([]), json!({})),
    };
    let context = Context::new().with("input", start.input.clone()).with("attempt", json!(start.attempt));
    let context = context.with("args", args).with("env", env);
    let template = Template::parse(value).unwrap_or_else(|problems| panic!("{value}: {problems:?}"));
    expand(template.render(&context).unwrap_or_else(|failed| panic!("{value}: {failed}")))
}

/// Expands abbreviations: `x*3`, also at the end of a text, to `xxx`, and `0..3` to `[0, 1, 2]`.
fn expand(value: Value) -> Value {
    match value {
        Value::String(text) => {
            if let Some(count) = text.strip_prefix("0..").and_then(|count| count.parse::<u32>().ok()) {
                return (0..count).collect();
            }
            let times = text.split_once("x*").and_then(|(head, times)| Some((head, times.parse().ok()?)));
            Value::String(times.map(|(head, times)| head.to_owned() + &"x".repeat(times)).unwrap_or(text))
        }
        Value::Array(items) => items.into_iter().map(expand).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, expand(field))).collect(),
        other => other,
    }
}
