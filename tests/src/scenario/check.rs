//! What is seen, compared with what is expected. Pure: the tests of `domain` compare in the same way.

use std::fmt::Debug;

use crds::{
    run::{ItemsStatus, StepStatus, WorkflowRunStatus},
    workflow::{ErrorKind, Problem},
};
use serde_json::Value;

use super::format::{ErrorSeen, ItemsSeen, ProblemSeen, RunSeen, StepSeen};

/// Sentences about what is not as expected.
#[derive(Default, Debug)]
pub struct Differences {
    /// One each.
    pub found: Vec<String>,
}

impl Differences {
    /// Notes a difference where something else than the expected is seen.
    #[expect(clippy::needless_pass_by_value, reason = "most of what is compared is made for it")]
    pub fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: Option<T>, seen: T) {
        if let Some(expected) = expected
            && expected != seen
        {
            self.found.push(format!("{what}: expected {expected:?}, got {seen:?}"));
        }
    }

    /// Notes a difference where a text does not contain the expected.
    pub fn contains(&mut self, what: &str, expected: Option<&str>, seen: &str) {
        if let Some(expected) = expected
            && !seen.contains(expected)
        {
            self.found.push(format!("{what}: expected {expected:?} in {seen:?}"));
        }
    }

    /// Compares values as JSON.
    pub fn json(&mut self, what: &str, expected: Option<&Value>, seen: Option<&Value>) {
        let seen = seen.unwrap_or(&Value::Null);
        if let Some(expected) = expected
            && !same(expected, seen)
        {
            self.found.push(format!("{what}: expected {expected}, got {seen}"));
        }
    }
}

/// Compares a run. Steps that status does not have are untouched ones.
pub fn run(differences: &mut Differences, name: &str, expected: &RunSeen, seen: &WorkflowRunStatus) {
    let what = |field: &str| format!("{name}.{field}");
    differences.equal(&what("phase"), expected.phase, seen.phase.unwrap_or_default());
    differences.json(&what("output"), expected.output.as_ref(), seen.output.as_ref());
    differences.equal(&what("stored"), expected.stored, seen.output_ref.is_some());
    differences.equal(
        &what("reused"),
        expected.reused,
        seen.reused.as_ref().map_or(0, |reused| reused.steps),
    );
    if let Some(error) = &expected.error {
        let (step, kind, code, message) = seen.error.as_ref().map_or((None, None, "", ""), |error| {
            (error.step.clone(), Some(error.kind), error.code.as_str(), error.message.as_str())
        });
        differences.equal(&what("error.step"), error.step.clone().map(Some), step);
        of_error(differences, &what("error"), error, kind, code, message);
    }
    took(differences, &what("took"), expected, seen);
    for (step, expected) in &expected.steps {
        let untouched = StepStatus::default();
        let seen = seen.steps.iter().find(|status| status.name == *step).unwrap_or(&untouched);
        of_step(differences, &what(&format!("steps.{step}")), expected, seen);
    }
}

/// Compares the problems of a workflow: each expected one must be there, and no other.
pub fn problems(differences: &mut Differences, expected: &[ProblemSeen], seen: &[Problem]) {
    let fits = |expected: &ProblemSeen, seen: &Problem| {
        expected.path == seen.path
            && expected.code.as_ref().is_none_or(|code| *code == seen.code)
            && expected.message.as_ref().is_none_or(|message| seen.message.contains(message))
    };
    for missing in expected.iter().filter(|expected| !seen.iter().any(|seen| fits(expected, seen))) {
        differences.found.push(format!("problems: {missing:?} is not among {seen:#?}"));
    }
    for other in seen.iter().filter(|seen| !expected.iter().any(|expected| fits(expected, seen))) {
        differences.found.push(format!("problems: not expected: {other:?}"));
    }
}

fn of_step(differences: &mut Differences, what: &str, expected: &StepSeen, seen: &StepStatus) {
    differences.equal(&format!("{what}.phase"), expected.phase, seen.phase);
    differences.equal(&format!("{what}.attempt"), expected.attempt, seen.attempt.unwrap_or(0));
    differences.json(&format!("{what}.output"), expected.output.as_ref(), seen.output.as_ref());
    differences.equal(&format!("{what}.stored"), expected.stored, seen.output_ref.is_some());
    if let Some(error) = &expected.error {
        let (kind, code, message) = seen
            .error
            .as_ref()
            .map_or((None, "", ""), |error| (Some(error.kind), error.code.as_str(), error.message.as_str()));
        of_error(differences, &format!("{what}.error"), error, kind, code, message);
        let details = seen.error.as_ref().and_then(|error| error.details.clone()).unwrap_or_default();
        differences.contains(
            &format!("{what}.error.details"),
            error.details.as_deref(),
            &details.to_string(),
        );
    }
    if let Some(items) = &expected.items {
        of_items(differences, &format!("{what}.items"), items, &seen.items.clone().unwrap_or_default());
    }
}

fn of_error(
    differences: &mut Differences,
    what: &str,
    expected: &ErrorSeen,
    kind: Option<ErrorKind>,
    code: &str,
    message: &str,
) {
    differences.equal(&format!("{what}.kind"), expected.kind.map(Some), kind);
    differences.equal(&format!("{what}.code"), expected.code.as_deref(), code);
    differences.contains(&format!("{what}.message"), expected.message.as_deref(), message);
}

fn of_items(differences: &mut Differences, what: &str, expected: &ItemsSeen, seen: &ItemsStatus) {
    differences.equal(&format!("{what}.total"), expected.total, seen.total);
    differences.equal(&format!("{what}.succeeded"), expected.succeeded, seen.succeeded);
    differences.equal(&format!("{what}.failed"), expected.failed, seen.failed);
    differences.equal(&format!("{what}.done"), expected.done.as_deref(), seen.done.as_str());
    let failures: Vec<u32> = seen.failures.iter().map(|failure| failure.index).collect();
    differences.equal(&format!("{what}.failures"), expected.failures.clone(), failures);
}

fn took(differences: &mut Differences, what: &str, expected: &RunSeen, seen: &WorkflowRunStatus) {
    let ends = seen.started_at.as_ref().zip(seen.finished_at.as_ref());
    let seconds = ends.map(|(from, to)| to.0.duration_since(from.0).as_secs_f64());
    let (least, most) = (expected.at_least.unwrap_or(0.0), expected.at_most.unwrap_or(f64::MAX));
    if let Some(seconds) = seconds
        && !(least..=most).contains(&seconds)
    {
        differences.found.push(format!("{what}: expected {least} s to {most} s, got {seconds} s"));
    }
}

/// Whether two values are the same to a user: 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}
