//! Tests of runs whose runner is lost and replaced.

use crds::run::{RunPhase, StepPhase};
use crds::workflow::ErrorKind;
use serde_json::json;

use super::{CHAIN, Driver, TWO_ARMS, started, time_at};
use crate::run::{Outcome, RunnerLoss};

/// After the loss of a runner, the interrupted step starts again at once, and ended steps are not repeated.
#[test]
fn a_new_runner_continues_after_the_last_step_that_ended() {
    let mut run = Driver::new(CHAIN);
    run.advance();
    run.succeed_step("a", json!({"v": "x"}));
    run.state = run.run.resume(&run.state, &RunnerLoss::from_reason(Some("PodDeleted")), time_at(9.0));
    run.now = 9.0;
    assert_eq!(started(&run.advance()), [("b", 2)]);
    let end = run.end_step("b", 2, Outcome::Succeeded(json!(1).into())).finish.expect("the run has ended");
    assert_eq!(
        (end.phase, run.step("a").attempt, run.step("b").attempt),
        (RunPhase::Succeeded, Some(1), Some(2))
    );
}

/// An interrupted step whose `retry.kinds` omits Infra fails without another attempt.
#[test]
fn a_step_that_runs_at_most_once_fails_when_it_is_interrupted() {
    let mut run = Driver::new("steps: [{name: pay, retry: {kinds: [User]}, python: {code: x}}]");
    run.advance();
    run.state = run.run.resume(&run.state, &RunnerLoss::Interrupted, time_at(1.0));
    let end = run.advance().finish.expect("the run has ended");
    assert_eq!(
        end.error.map(|error| (error.kind, error.code)),
        Some((ErrorKind::Infra, "INTERRUPTED".to_owned()))
    );
}

/// An out-of-memory kill, or an eviction for the disk that the pod used, fails the step if it ran alone in its host; if several steps ran, all are repeated.
#[test]
fn out_of_memory_fails_the_only_step_in_a_host() {
    let mut alone =
        Driver::new("steps: [{name: a, python: {code: x}}, {name: h, http: {url: 'http://x.example'}}]");
    alone.advance();
    alone.state = alone.run.resume(&alone.state, &RunnerLoss::from_reason(Some("OOMKilled")), time_at(1.0));
    assert_eq!(alone.step("a").error.as_ref().map(|error| error.code.as_str()), Some("OOM_KILLED"));
    assert_eq!(alone.step("h").phase, StepPhase::Pending);
    let mut evicted = Driver::new("steps: [{name: a, python: {code: x}}]");
    evicted.advance();
    let loss = RunnerLoss::from_reason(Some("DiskLimitExceeded"));
    evicted.state = evicted.run.resume(&evicted.state, &loss, time_at(1.0));
    assert_eq!(evicted.step("a").error.as_ref().map(|error| error.code.as_str()), Some("DISK_FULL"));
    let mut concurrent = Driver::new(TWO_ARMS);
    concurrent.advance();
    concurrent.state = concurrent.run.resume(&concurrent.state, &RunnerLoss::OutOfMemory, time_at(1.0));
    concurrent.now = 1.0;
    // The step that used too much memory is unknown, so no attempt is counted.
    assert_eq!(started(&concurrent.advance()), [("bad", 1), ("good", 1)]);
}
