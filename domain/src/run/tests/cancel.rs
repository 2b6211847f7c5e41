//! Tests of the cancellation and the timeout of runs.

use crds::run::{Cancel, RunPhase, StepPhase};
use serde_json::json;

use super::{Driver, TWO_ARMS, started, time_at, user_failure};

/// A graceful cancel waits for the running steps; an immediate cancel stops them.
#[test]
fn cancel_waits_for_running_steps_or_stops_them() {
    let mut graceful = Driver::new(TWO_ARMS);
    graceful.advance();
    graceful.cancel = Some(Cancel::Graceful);
    assert_eq!(graceful.advance().finish, None);
    assert_eq!(started(&graceful.succeed_step("good", json!(1))), []);
    let end = graceful.end_step("bad", 1, user_failure("NO"));
    assert_eq!(end.finish.map(|end| end.phase), Some(RunPhase::Cancelled));

    let mut immediate = Driver::new(TWO_ARMS);
    immediate.advance();
    immediate.cancel = Some(Cancel::Now);
    let end = immediate.advance();
    assert_eq!(end.stop.len(), 2);
    assert_eq!(end.finish.map(|end| end.phase), Some(RunPhase::Cancelled));
    assert!(immediate.state.steps.iter().all(|step| step.phase == StepPhase::Cancelled));
}

/// A graceful cancel that takes too long is followed by an immediate one, which stops what still runs.
#[test]
fn a_graceful_cancel_can_become_an_immediate_one() {
    let mut run = Driver::new(TWO_ARMS);
    run.advance();
    run.cancel = Some(Cancel::Graceful);
    assert_eq!(run.advance().finish, None);
    run.cancel = Some(Cancel::Now);
    let end = run.advance();
    assert_eq!((end.stop.len(), end.finish.map(|end| end.phase)), (2, Some(RunPhase::Cancelled)));
}

/// A run that reaches its timeout ends with `RUN_TIMEOUT`, and its steps are stopped.
#[test]
fn a_run_ends_at_its_timeout() {
    let mut run = Driver::new(&format!("timeout: 10s{TWO_ARMS}"));
    assert_eq!(run.advance().wait_until, Some(time_at(10.0)));
    run.now = 10.0;
    let end = run.advance();
    assert_eq!(end.stop.len(), 2);
    let finish = end.finish.expect("the run has ended");
    assert_eq!(
        (finish.phase, finish.error.map(|e| e.code)),
        (RunPhase::TimedOut, Some("RUN_TIMEOUT".to_owned()))
    );
}
