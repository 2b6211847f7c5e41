//! Tests of failed attempts and their retries.

use crds::run::{RunPhase, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use serde_json::json;

use super::{Driver, started, time_at, user_failure};
use crate::run::{Advance, Outcome, RunState, StepKey, step_error};

const RETRIED: &str = "
steps:
- name: a
  python: {code: x}
  timeout: 20s
  attemptTimeout: 5s
  retry: {attempts: 3, kinds: [User, Timeout], when: \"error.code != 'HTTP_404'\", backoff: {initial: 2s, factor: 2, jitter: 0}}";

/// A failed attempt is retried after an exponential backoff, and the run succeeds if a later attempt does.
#[test]
fn a_failed_attempt_is_retried_after_its_backoff() {
    let mut run = Driver::new(RETRIED);
    assert_eq!(run.advance().start[0].deadline, time_at(5.0));
    let failed = run.end_step("a", 1, user_failure("HTTP_500"));
    assert_eq!((started(&failed), failed.wait_until), (vec![], Some(time_at(3.0))));
    assert_eq!(run.step("a").phase, StepPhase::Pending);
    run.now = 3.0;
    assert_eq!(started(&run.advance()), [("a", 2)]);
    let failed = run.end_step("a", 2, Outcome::TimedOut);
    assert_eq!(failed.wait_until, Some(time_at(8.0)));
    assert_eq!(run.step("a").error.as_ref().map(|error| error.code.as_str()), Some("ATTEMPT_TIMEOUT"));
    run.now = 8.0;
    assert_eq!(started(&run.advance()), [("a", 3)]);
    let end = run.end_step("a", 3, Outcome::Succeeded(json!(1).into())).finish.expect("the run has ended");
    assert_eq!((end.phase, run.step("a").attempt), (RunPhase::Succeeded, Some(3)));
}

/// No further attempt starts if `retry.when`, `retry.kinds` or the timeout of the step excludes it.
#[test]
fn retry_conditions_and_the_timeout_end_the_attempts() {
    let code = |drive: &dyn Fn(&mut Driver) -> Advance| {
        let mut run = Driver::new(RETRIED);
        run.advance();
        drive(&mut run).finish.expect("the run has ended").error.expect("the run has an error").code
    };
    assert_eq!(
        code(&|run| run.end_step("a", 1, user_failure("HTTP_404"))),
        "HTTP_404",
        "`retry.when` is false"
    );
    let infra_failure = || Outcome::Failed(step_error(ErrorKind::Infra, "GONE", "").into());
    assert_eq!(code(&|run| run.end_step("a", 1, infra_failure())), "GONE", "`retry.kinds` omits the kind");
    let late = |run: &mut Driver| {
        run.now = 18.5;
        run.end_step("a", 1, user_failure("HTTP_500"))
    };
    assert_eq!(code(&late), "HTTP_500", "the next attempt would start after the timeout of the step");
    let timeout = |run: &mut Driver| {
        run.now = 19.0;
        run.end_step("a", 1, Outcome::TimedOut)
    };
    assert_eq!(code(&timeout), "STEP_TIMEOUT");
}

/// Without `retry`, infrastructure errors are retried up to three attempts in total.
#[test]
fn by_default_infrastructure_errors_are_retried() {
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    let infra_failure = || Outcome::Failed(step_error(ErrorKind::Infra, "IMAGE", "").into());
    assert_eq!(run.end_step("a", 1, infra_failure()).wait_until, Some(time_at(2.0)));
    run.now = 2.0;
    run.advance();
    run.end_step("a", 2, infra_failure());
    run.now = 60.0;
    assert_eq!(started(&run.advance()), [("a", 3)]);
    assert_eq!(run.end_step("a", 3, infra_failure()).finish.map(|end| end.phase), Some(RunPhase::Failed));
}

/// An attempt that was assigned but never started does not count towards the attempts of its step.
#[test]
fn an_attempt_that_never_started_is_not_counted() {
    let running = |attempt| RunState {
        steps: vec![StepStatus {
            name: "fetch".into(),
            phase: StepPhase::Running,
            attempt: Some(attempt),
            ..StepStatus::default()
        }],
        ending: None,
    };
    let reverted = |attempt, reverted_attempt| {
        let mut state = running(attempt);
        state.revert_attempt(&StepKey::step("fetch"), reverted_attempt);
        (state.steps[0].phase, state.steps[0].attempt)
    };
    assert_eq!(reverted(1, 1), (StepPhase::Pending, None));
    assert_eq!(reverted(2, 2), (StepPhase::Pending, Some(1)));
    assert_eq!(reverted(2, 1), (StepPhase::Running, Some(2)));
}
