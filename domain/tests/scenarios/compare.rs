//! Comparison of the result of a simulation with the expected one.

use crds::constants::MAX_INLINE_OUTPUT_BYTES;
use crds::run::{RunError, RunPhase, StepError, StepStatus};
use domain::workflow::Problem;

use crate::format::{Expect, ExpectedError, ExpectedItems, ExpectedProblem, ExpectedRun, ExpectedStep, MAIN};
use crate::simulator::Simulator;
use crate::world::Run;

/// Differences found so far.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: Option<&T>, got: &T) {
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

/// Compares the runs, the sub-runs and the requests with the expected ones.
pub(crate) fn all(expect: &Expect, simulator: &Simulator<'_>) -> Result<(), Vec<String>> {
    let mut differences = Differences::default();
    for (name, expectation) in expect
        .run
        .iter()
        .map(|run| (MAIN, run))
        .chain(expect.runs.iter().map(|(name, run)| (name.as_str(), run)))
    {
        match simulator.run_named(name) {
            Some(run) => compare_run(&mut differences, name, expectation, run),
            None => differences.0.push(format!("run {name} does not exist")),
        }
    }
    if let Some(expected) = &expect.children {
        let sorted = |mut phases: Vec<RunPhase>| {
            phases.sort_by_key(|phase| phase.as_str());
            phases
        };
        let got = simulator.children.iter().filter_map(|name| simulator.run_named(name)).map(Run::phase);
        differences.equal("children", Some(&sorted(expected.clone())), &sorted(got.collect()));
    }
    differences.0.extend(simulator.server.compare(expect));
    if let Some(times) = expect.scheduled {
        let succeeded = simulator.runs.iter().filter(|run| run.phase() == RunPhase::Succeeded).count();
        differences.equal("scheduled", Some(&times), &succeeded);
    }
    into_result(differences.0)
}

fn into_result(differences: Vec<String>) -> Result<(), Vec<String>> {
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// Compares the problems of the workflow: all expected ones must be reported, and no others.
pub(crate) fn problems(expected: &[ExpectedProblem], found: &[Problem]) -> Result<(), Vec<String>> {
    let matches = |expectation: &ExpectedProblem, problem: &Problem| {
        expectation.path == problem.path
            && expectation.code.as_ref().is_none_or(|code| code == problem.code)
            && expectation.message.as_ref().is_none_or(|part| problem.message.contains(part))
    };
    let missing =
        expected.iter().filter(|expectation| !found.iter().any(|problem| matches(expectation, problem)));
    let missing = missing.map(|expectation| format!("expected {expectation:?}, got {found:?}"));
    let others =
        found.iter().filter(|problem| !expected.iter().any(|expectation| matches(expectation, problem)));
    into_result(missing.chain(others.map(|other| format!("unexpected problem: {other:?}"))).collect())
}

fn compare_run(differences: &mut Differences, name: &str, expectation: &ExpectedRun, run: &Run) {
    // The maximum duration and the sizes of writes can be checked on a cluster only.
    let ExpectedRun { phase, error, output, stored, steps, reused, at_least, .. } = expectation;
    differences.equal(&format!("{name}.phase"), phase.as_ref(), &run.phase());
    if let Some(expected) = error {
        let got = run.finish.as_ref().and_then(|finish| finish.error.clone());
        compare_run_error(differences, name, expected, got.as_ref());
    }
    let got = run.finish.as_ref().and_then(|finish| finish.output.clone()).unwrap_or_default();
    differences.equal(&format!("{name}.output"), output.as_ref(), &got);
    differences.equal(
        &format!("{name}.stored"),
        stored.as_ref(),
        &(domain::schema::json_size(&got) > MAX_INLINE_OUTPUT_BYTES),
    );
    differences.equal(
        &format!("{name}.reused"),
        reused.and_then(|steps| usize::try_from(steps).ok()).as_ref(),
        &run.reused,
    );
    if at_least.is_some_and(|seconds| run.duration_seconds < seconds) {
        differences.0.push(format!("{name} took only {} s", run.duration_seconds));
    }
    for (step, expectation) in steps {
        let path = format!("{name}.{step}");
        // A run that never started has no steps.
        let status = run.memory.steps.iter().find(|status| status.name == *step).cloned();
        compare_step(differences, &path, expectation, &status.unwrap_or_default());
    }
}

fn compare_step(differences: &mut Differences, path: &str, expectation: &ExpectedStep, status: &StepStatus) {
    let ExpectedStep { phase, attempt, output, stored, error, reason, message, items } = expectation;
    differences.equal(&format!("{path}.phase"), phase.as_ref(), &status.phase);
    differences.equal(&format!("{path}.attempt"), attempt.as_ref(), &status.attempt.unwrap_or(0));
    differences.equal(&format!("{path}.output"), output.as_ref(), &status.output.clone().unwrap_or_default());
    differences.equal(&format!("{path}.stored"), stored.as_ref(), &status.output_ref.is_some());
    if let Some(expected) = error {
        compare_error(differences, path, expected, status.error.as_ref());
    }
    if reason.is_some() {
        differences.equal(&format!("{path}.reason"), Some(reason), &status.reason);
    }
    let refused = status.waiting.iter().filter_map(|waiting| waiting.refused.as_ref());
    let messages = status.message.iter().chain(refused.map(|refused| &refused.message));
    let got = messages.cloned().collect::<Vec<_>>().join("; ");
    differences.contains(&format!("{path}.message"), message.as_ref(), &got);
    if let Some(ExpectedItems { total, succeeded, failed, done, failures }) = items {
        let got = status.items.clone().unwrap_or_default();
        differences.equal(&format!("{path}.total"), total.as_ref(), &got.total);
        differences.equal(&format!("{path}.succeeded"), succeeded.as_ref(), &got.succeeded);
        differences.equal(&format!("{path}.failed"), failed.as_ref(), &got.failed);
        differences.equal(&format!("{path}.done"), done.as_ref(), &got.done);
        let indexes = got.failures.iter().map(|failure| failure.index).collect();
        differences.equal(&format!("{path}.failures"), failures.as_ref(), &indexes);
    }
}

fn compare_error(
    differences: &mut Differences,
    path: &str,
    expectation: &ExpectedError,
    got: Option<&StepError>,
) {
    let ExpectedError { step: _, kind, code, message, details: _ } = expectation;
    let Some(got) = got else { return differences.0.push(format!("{path} has no error")) };
    differences.equal(&format!("{path}.error.kind"), kind.as_ref(), &got.kind);
    differences.equal(&format!("{path}.error.code"), code.as_ref(), &got.code);
    differences.contains(&format!("{path}.error.message"), message.as_ref(), &got.message);
}

fn compare_run_error(
    differences: &mut Differences,
    path: &str,
    expectation: &ExpectedError,
    got: Option<&RunError>,
) {
    let Some(got) = got else { return differences.0.push(format!("{path} has no error")) };
    differences.equal(
        &format!("{path}.error.step"),
        expectation.step.as_ref(),
        &got.step.clone().unwrap_or_default(),
    );
    let RunError { step: _, kind, code, message } = got.clone();
    let error = StepError { kind, code, message, details: None };
    compare_error(differences, path, expectation, Some(&error));
}
