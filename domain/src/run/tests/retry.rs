//! Attempts that fail, and are made again.

use crds::run::{RunPhase, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use serde_json::json;

use super::{Driver, started, time_at, user};
use crate::run::{Advance, Outcome, RunState, StepKey, step_error};

const RETRIED: &str = "
steps:
- name: a
  python: {code: x}
  timeout: 20s
  attemptTimeout: 5s
  retry: {attempts: 3, on: [User, Timeout], when: \"error.code != 'HTTP_404'\", backoff: {initial: 2s, factor: 2, jitter: 0}}";

/// A service that is down for a moment does not fail the run: the third attempt succeeds, after growing waits.
#[test]
fn a_failed_attempt_is_tried_again_after_its_backoff() {
    let mut run = Driver::new(RETRIED);
    assert_eq!(run.advance().start[0].deadline, time_at(5.0));
    let waits = run.ends("a", 1, user("HTTP_500"));
    assert_eq!((started(&waits), waits.wait_until), (vec![], Some(time_at(3.0))));
    assert_eq!(run.step("a").phase, StepPhase::Pending);
    run.now = 3.0;
    assert_eq!(started(&run.advance()), [("a", 2)]);
    let waits = run.ends("a", 2, Outcome::TimedOut);
    assert_eq!(waits.wait_until, Some(time_at(8.0)));
    assert_eq!(run.step("a").error.as_ref().map(|error| error.code.as_str()), Some("ATTEMPT_TIMEOUT"));
    run.now = 8.0;
    assert_eq!(started(&run.advance()), [("a", 3)]);
    let end = run.ends("a", 3, Outcome::Succeeded(json!(1).into())).finish.expect("the end");
    assert_eq!((end.phase, run.step("a").attempt), (RunPhase::Succeeded, Some(3)));
}

#[test]
fn attempts_end_where_the_workflow_says() {
    let code = |drive: &dyn Fn(&mut Driver) -> Advance| {
        let mut run = Driver::new(RETRIED);
        run.advance();
        drive(&mut run).finish.expect("the end").error.expect("an error").code
    };
    assert_eq!(code(&|run| run.ends("a", 1, user("HTTP_404"))), "HTTP_404", "retry.when says no");
    let infra = || Outcome::Failed(step_error(ErrorKind::Infra, "GONE", "").into());
    assert_eq!(code(&|run| run.ends("a", 1, infra())), "GONE", "a kind that retry.on leaves out");
    let late = |run: &mut Driver| {
        run.now = 18.5;
        run.ends("a", 1, user("HTTP_500"))
    };
    assert_eq!(code(&late), "HTTP_500", "the next attempt would be after the step's timeout");
    let timeout = |run: &mut Driver| {
        run.now = 19.0;
        run.ends("a", 1, Outcome::TimedOut)
    };
    assert_eq!(code(&timeout), "STEP_TIMEOUT");
}

/// The default: lost pods are made up for, the workflow's own failures are not repeated.
#[test]
fn by_default_only_what_is_our_fault_is_tried_again() {
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    let infra = || Outcome::Failed(step_error(ErrorKind::Infra, "IMAGE", "").into());
    assert_eq!(run.ends("a", 1, infra()).wait_until, Some(time_at(2.0)));
    run.now = 2.0;
    run.advance();
    run.ends("a", 2, infra());
    run.now = 60.0;
    assert_eq!(started(&run.advance()), [("a", 3)]);
    assert_eq!(run.ends("a", 3, infra()).finish.map(|end| end.phase), Some(RunPhase::Failed));
}

/// A step that may run only once fails though it never ran.
#[test]
fn an_attempt_that_was_never_made_is_not_counted() {
    let running = |attempt| RunState {
        steps: vec![StepStatus {
            name: "fetch".into(),
            phase: StepPhase::Running,
            attempt: Some(attempt),
            ..StepStatus::default()
        }],
        ending: None,
    };
    let taken_back = |attempt, of| {
        let mut state = running(attempt);
        state.revert_attempt(&StepKey::step("fetch"), of);
        (state.steps[0].phase, state.steps[0].attempt)
    };
    assert_eq!(taken_back(1, 1), (StepPhase::Pending, None));
    assert_eq!(taken_back(2, 2), (StepPhase::Pending, Some(1)));
    assert_eq!(taken_back(2, 1), (StepPhase::Running, Some(2)));
}
