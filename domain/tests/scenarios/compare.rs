//! What is seen in the end against what is expected.

use crds::constants::MAX_INLINE_OUTPUT_BYTES;
use crds::run::{RunError, RunPhase, StepError, StepStatus};
use domain::workflow::Problem;

use crate::format::{Expect, ExpectedError, ExpectedItems, ExpectedProblem, ExpectedRun, ExpectedStep, MAIN};
use crate::play::Play;
use crate::world::Run;

/// Differences found so far.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: Option<&T>, got: &T) {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            self.0.push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    }

    fn contains(&mut self, what: &str, part: Option<&String>, text: &str) {
        if let Some(part) = part.filter(|part| !text.contains(part.as_str())) {
            self.0.push(format!("{what}: expected …{part}…, got {text}"));
        }
    }
}

/// Compares all that is expected of runs, and of what they called.
pub(crate) fn all(expect: &Expect, play: &Play<'_>) -> Result<(), Vec<String>> {
    let mut faults = Faults::default();
    for (name, seen) in expect
        .run
        .iter()
        .map(|run| (MAIN, run))
        .chain(expect.runs.iter().map(|(name, run)| (name.as_str(), run)))
    {
        match play.named(name) {
            Some(run) => of_run(&mut faults, name, seen, run),
            None => faults.0.push(format!("there is no run {name}")),
        }
    }
    if let Some(expected) = &expect.children {
        let sorted = |mut phases: Vec<RunPhase>| {
            phases.sort_by_key(|phase| phase.as_str());
            phases
        };
        let got = play.children.iter().filter_map(|name| play.named(name)).map(Run::phase);
        faults.same("children", Some(&sorted(expected.clone())), &sorted(got.collect()));
    }
    faults.0.extend(play.server.compare(expect));
    if let Some(times) = expect.scheduled {
        let succeeded = play.runs.iter().filter(|run| run.phase() == RunPhase::Succeeded).count();
        faults.same("scheduled", Some(&times), &succeeded);
    }
    none(faults.0)
}

fn none(faults: Vec<String>) -> Result<(), Vec<String>> {
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Compares the problems of the workflow: each expected one, and no other.
pub(crate) fn problems(expected: &[ExpectedProblem], found: &[Problem]) -> Result<(), Vec<String>> {
    let fits = |seen: &ExpectedProblem, problem: &Problem| {
        seen.path == problem.path
            && seen.code.as_ref().is_none_or(|code| code == problem.code)
            && seen.message.as_ref().is_none_or(|part| problem.message.contains(part))
    };
    let missing = expected.iter().filter(|seen| !found.iter().any(|problem| fits(seen, problem)));
    let missing = missing.map(|seen| format!("expected {seen:?}, got {found:?}"));
    let others = found.iter().filter(|problem| !expected.iter().any(|seen| fits(seen, problem)));
    none(missing.chain(others.map(|other| format!("not expected: {other:?}"))).collect())
}

fn of_run(faults: &mut Faults, name: &str, seen: &ExpectedRun, run: &Run) {
    // How long it takes at most, and how much is written, only a cluster shows.
    let ExpectedRun { phase, error, output, stored, steps, reused, at_least, .. } = seen;
    faults.same(&format!("{name}.phase"), phase.as_ref(), &run.phase());
    if let Some(expected) = error {
        let got = run.finish.as_ref().and_then(|finish| finish.error.clone());
        of_run_error(faults, name, expected, got.as_ref());
    }
    let got = run.finish.as_ref().and_then(|finish| finish.output.clone()).unwrap_or_default();
    faults.same(&format!("{name}.output"), output.as_ref(), &got);
    faults.same(
        &format!("{name}.stored"),
        stored.as_ref(),
        &(domain::schema::json_size(&got) > MAX_INLINE_OUTPUT_BYTES),
    );
    faults.same(
        &format!("{name}.reused"),
        reused.and_then(|steps| usize::try_from(steps).ok()).as_ref(),
        &run.reused,
    );
    if at_least.is_some_and(|seconds| run.took < seconds) {
        faults.0.push(format!("{name} took only {} s", run.took));
    }
    for (step, seen) in steps {
        let path = format!("{name}.{step}");
        // A run that never started has no steps.
        let status = run.memory.steps.iter().find(|status| status.name == *step).cloned();
        of_step(faults, &path, seen, &status.unwrap_or_default());
    }
}

fn of_step(faults: &mut Faults, path: &str, seen: &ExpectedStep, status: &StepStatus) {
    let ExpectedStep { phase, attempt, output, stored, error, items } = seen;
    faults.same(&format!("{path}.phase"), phase.as_ref(), &status.phase);
    faults.same(&format!("{path}.attempt"), attempt.as_ref(), &status.attempt.unwrap_or(0));
    faults.same(&format!("{path}.output"), output.as_ref(), &status.output.clone().unwrap_or_default());
    faults.same(&format!("{path}.stored"), stored.as_ref(), &status.output_ref.is_some());
    if let Some(expected) = error {
        of_error(faults, path, expected, status.error.as_ref());
    }
    if let Some(ExpectedItems { total, succeeded, failed, done, failures }) = items {
        let got = status.items.clone().unwrap_or_default();
        faults.same(&format!("{path}.total"), total.as_ref(), &got.total);
        faults.same(&format!("{path}.succeeded"), succeeded.as_ref(), &got.succeeded);
        faults.same(&format!("{path}.failed"), failed.as_ref(), &got.failed);
        faults.same(&format!("{path}.done"), done.as_ref(), &got.done);
        let indexes = got.failures.iter().map(|failure| failure.index).collect();
        faults.same(&format!("{path}.failures"), failures.as_ref(), &indexes);
    }
}

fn of_error(faults: &mut Faults, path: &str, seen: &ExpectedError, got: Option<&StepError>) {
    let ExpectedError { step: _, kind, code, message, details: _ } = seen;
    let Some(got) = got else { return faults.0.push(format!("{path} has no error")) };
    faults.same(&format!("{path}.error.kind"), kind.as_ref(), &got.kind);
    faults.same(&format!("{path}.error.code"), code.as_ref(), &got.code);
    faults.contains(&format!("{path}.error.message"), message.as_ref(), &got.message);
}

fn of_run_error(faults: &mut Faults, path: &str, seen: &ExpectedError, got: Option<&RunError>) {
    let Some(got) = got else { return faults.0.push(format!("{path} has no error")) };
    faults.same(&format!("{path}.error.step"), seen.step.as_ref(), &got.step.clone().unwrap_or_default());
    let RunError { step: _, kind, code, message } = got.clone();
    let error = StepError { kind, code, message, details: None };
    of_error(faults, path, seen, Some(&error));
}
