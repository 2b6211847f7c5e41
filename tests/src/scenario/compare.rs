//! Compares observed statuses with expected ones.

use std::fmt::Debug;

use crds::{
    run::{ItemsStatus, StepStatus, WorkflowRunStatus},
    workflow::{ErrorKind, Problem},
};
use serde_json::Value;

use super::format::{ExpectedError, ExpectedItems, ExpectedProblem, ExpectedRun, ExpectedStep};

/// Differences between expected and observed values.
#[derive(Default, Debug)]
pub struct Differences {
    /// One sentence per difference.
    pub found: Vec<String>,
}

impl Differences {
    /// Records a difference if the observed value does not equal the expected one.
    #[expect(clippy::needless_pass_by_value, reason = "most observed values are created for the comparison")]
    pub fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: Option<T>, observed: T) {
        if let Some(expected) = expected
            && expected != observed
        {
            self.found.push(format!("{what}: expected {expected:?}, got {observed:?}"));
        }
    }

    /// Records a difference if the observed text does not contain the expected one.
    pub fn contains(&mut self, what: &str, expected: Option<&str>, observed: &str) {
        if let Some(expected) = expected
            && !observed.contains(expected)
        {
            self.found.push(format!("{what}: expected {expected:?} in {observed:?}"));
        }
    }

    /// Records a difference if two JSON values differ.
    pub fn json(&mut self, what: &str, expected: Option<&Value>, observed: Option<&Value>) {
        let observed = observed.unwrap_or(&Value::Null);
        if let Some(expected) = expected
            && !json_equal(expected, observed)
        {
            self.found.push(format!("{what}: expected {expected}, got {observed}"));
        }
    }
}

/// Compares the status of a run. Steps that are not in the status count as not started.
pub fn run(differences: &mut Differences, name: &str, expected: &ExpectedRun, observed: &WorkflowRunStatus) {
    let what = |field: &str| format!("{name}.{field}");
    differences.equal(&what("phase"), expected.phase, observed.phase.unwrap_or_default());
    differences.json(&what("input"), expected.input.as_ref(), observed.input.as_ref());
    differences.json(&what("output"), expected.output.as_ref(), observed.output.as_ref());
    differences.equal(&what("stored"), expected.stored, observed.output_ref.is_some());
    differences.equal(
        &what("reused"),
        expected.reused,
        observed.reused.as_ref().map_or(0, |reused| reused.steps),
    );
    if let Some(error) = &expected.error {
        let (step, kind, code, message) = observed.error.as_ref().map_or((None, None, "", ""), |error| {
            (error.step.clone(), Some(error.kind), error.code.as_str(), error.message.as_str())
        });
        differences.equal(&what("error.step"), error.step.clone().map(Some), step);
        compare_error(differences, &what("error"), error, kind, code, message);
    }
    compare_duration(differences, &what("took"), expected, observed);
    for (step, expected) in &expected.steps {
        let not_started = StepStatus::default();
        let observed = observed.steps.iter().find(|status| status.name == *step).unwrap_or(&not_started);
        compare_step(differences, &what(&format!("steps.{step}")), expected, observed);
    }
}

/// Compares the problems of a workflow: all expected ones must be reported, and no others.
pub fn problems(differences: &mut Differences, expected: &[ExpectedProblem], observed: &[Problem]) {
    let matches = |expected: &ExpectedProblem, observed: &Problem| {
        expected.path == observed.path
            && expected.code.as_ref().is_none_or(|code| *code == observed.code)
            && expected.message.as_ref().is_none_or(|message| observed.message.contains(message))
    };
    for missing in
        expected.iter().filter(|expected| !observed.iter().any(|observed| matches(expected, observed)))
    {
        differences.found.push(format!("problems: {missing:?} is not among {observed:#?}"));
    }
    for other in
        observed.iter().filter(|observed| !expected.iter().any(|expected| matches(expected, observed)))
    {
        differences.found.push(format!("problems: {other:?} is not expected"));
    }
}

fn compare_step(differences: &mut Differences, what: &str, expected: &ExpectedStep, observed: &StepStatus) {
    differences.equal(&format!("{what}.phase"), expected.phase, observed.phase);
    differences.equal(&format!("{what}.attempt"), expected.attempt, observed.attempt.unwrap_or(0));
    differences.json(&format!("{what}.output"), expected.output.as_ref(), observed.output.as_ref());
    differences.equal(&format!("{what}.stored"), expected.stored, observed.output_ref.is_some());
    if let Some(error) = &expected.error {
        let (kind, code, message) = observed
            .error
            .as_ref()
            .map_or((None, "", ""), |error| (Some(error.kind), error.code.as_str(), error.message.as_str()));
        compare_error(differences, &format!("{what}.error"), error, kind, code, message);
        let details = observed.error.as_ref().and_then(|error| error.details.clone()).unwrap_or_default();
        differences.contains(
            &format!("{what}.error.details"),
            error.details.as_deref(),
            &details.to_string(),
        );
    }
    differences.equal(&format!("{what}.reason"), expected.reason.map(Some), observed.reason);
    let refused = observed.waiting.iter().filter_map(|waiting| waiting.refused.as_ref());
    let messages = observed.message.iter().chain(refused.map(|refused| &refused.message));
    let message = messages.map(String::as_str).collect::<Vec<_>>().join("; ");
    differences.contains(&format!("{what}.message"), expected.message.as_deref(), &message);
    if let Some(items) = &expected.items {
        compare_items(
            differences,
            &format!("{what}.items"),
            items,
            &observed.items.clone().unwrap_or_default(),
        );
    }
}

fn compare_error(
    differences: &mut Differences,
    what: &str,
    expected: &ExpectedError,
    kind: Option<ErrorKind>,
    code: &str,
    message: &str,
) {
    differences.equal(&format!("{what}.kind"), expected.kind.map(Some), kind);
    differences.equal(&format!("{what}.code"), expected.code.as_deref(), code);
    differences.contains(&format!("{what}.message"), expected.message.as_deref(), message);
}

fn compare_items(
    differences: &mut Differences,
    what: &str,
    expected: &ExpectedItems,
    observed: &ItemsStatus,
) {
    differences.equal(&format!("{what}.total"), expected.total, observed.total);
    differences.equal(&format!("{what}.succeeded"), expected.succeeded, observed.succeeded);
    differences.equal(&format!("{what}.failed"), expected.failed, observed.failed);
    differences.equal(&format!("{what}.done"), expected.done.as_deref(), observed.done.as_str());
    let failures: Vec<u32> = observed.failures.iter().map(|failure| failure.index).collect();
    differences.equal(&format!("{what}.failures"), expected.failures.clone(), failures);
}

fn compare_duration(
    differences: &mut Differences,
    what: &str,
    expected: &ExpectedRun,
    observed: &WorkflowRunStatus,
) {
    let ends = observed.started_at.as_ref().zip(observed.finished_at.as_ref());
    let seconds = ends.map(|(from, to)| to.0.duration_since(from.0).as_secs_f64());
    let (least, most) = (expected.at_least.unwrap_or(0.0), expected.at_most.unwrap_or(f64::MAX));
    if let Some(seconds) = seconds
        && !(least..=most).contains(&seconds)
    {
        differences.found.push(format!("{what}: expected {least} s to {most} s, got {seconds} s"));
    }
}

/// Returns whether two JSON values are equal; numbers are compared by value, so 1 equals 1.0.
fn json_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| json_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| json_equal(value, other)))
        }
        _ => one == other,
    }
}
