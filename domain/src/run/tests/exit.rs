//! Tests of `onExit` steps and of the reuse of steps from an earlier run.

use crds::run::ReuseFrom;

use super::super::{reusable_steps, unknown_steps};
use super::*;

const EXIT: &str = "
timeout: 10s
steps: [{name: a, python: {code: x}}]
onExit:
- {name: tell, python: {code: x}, with: {phase: '${{ outcome.phase }}', code: '${{ outcome.error == null ? null : outcome.error.code }}', a: '${{ steps.a.phase }}'}}
- {name: clean, needs: [tell], python: {code: x}}
- {name: other, expr: {value: 1}}";

/// The `onExit` steps run after every outcome of a run, and `outcome` gives them its phase and error.
#[test]
fn on_exit_runs_after_success_failure_cancel_and_timeout() {
    let exit_after = |drive: &dyn Fn(&mut Driver) -> Advance| {
        let mut run = Driver::new(EXIT);
        run.advance();
        let advance = drive(&mut run);
        assert_eq!((started_keys(&advance), advance.finish.is_none()), (vec!["tell#1".to_owned()], true));
        assert_eq!(advance.start[0].deadline, time_at(run.now + 600.0));
        let input = advance.start[0].input.clone();
        assert!(run.state.ending.is_some());
        run.succeed_step("tell", json!(1));
        let end = run.succeed_step("clean", json!(1));
        assert_eq!(end.state.ending, None);
        (input, ended(end).phase)
    };
    let data = |phase: &str, code: Value, a: &str| json!({"phase": phase, "code": code, "a": a});
    assert_eq!(
        exit_after(&|run| run.succeed_step("a", json!(1))),
        (data("Succeeded", Value::Null, "Succeeded"), RunPhase::Succeeded)
    );
    assert_eq!(
        exit_after(&|run| run.end_step("a", 1, user_failure("NO"))),
        (data("Failed", json!("NO"), "Failed"), RunPhase::Failed)
    );
    let cancelled = |run: &mut Driver| {
        run.cancel = Some(Cancel::Now);
        run.advance()
    };
    assert_eq!(
        exit_after(&cancelled),
        (data("Cancelled", json!("CANCELLED"), "Cancelled"), RunPhase::Cancelled)
    );
    let late = |run: &mut Driver| {
        run.now = 10.0;
        run.advance()
    };
    assert_eq!(exit_after(&late), (data("TimedOut", json!("RUN_TIMEOUT"), "Failed"), RunPhase::TimedOut));
}

/// A run fails if one of its `onExit` steps fails; an earlier failure remains the reported error.
#[test]
fn a_failure_in_on_exit_fails_a_run_that_had_succeeded() {
    let mut run = Driver::new(EXIT);
    run.advance();
    run.succeed_step("a", json!(1));
    let end = ended(run.end_step("tell", 1, user_failure("MAIL_DOWN")));
    assert_eq!(
        (end.phase, end.error.map(|error| error.code)),
        (RunPhase::Failed, Some("MAIL_DOWN".to_owned()))
    );
    assert_eq!(
        (run.step("clean").phase, run.step("other").phase),
        (StepPhase::Skipped, StepPhase::Succeeded)
    );
    let mut run = Driver::new(EXIT);
    run.advance();
    run.end_step("a", 1, user_failure("FIRST"));
    let end = ended(run.end_step("tell", 1, user_failure("MAIL_DOWN")));
    assert_eq!(end.error.map(|error| error.code), Some("FIRST".to_owned()));
}

/// The `onExit` steps end at their timeout, and a new runner resumes them after the loss of a runner.
#[test]
fn on_exit_is_bounded_and_resumed() {
    let mut run = Driver::new(EXIT);
    run.advance();
    run.succeed_step("a", json!(1));
    assert_eq!(started_keys(&run.resume_after(&RunnerLoss::Interrupted)), ["tell#2"]);
    run.now = 700.0;
    let advance = run.advance();
    assert_eq!(advance.stop.len(), 1);
    assert_eq!(ended(advance).error.map(|error| error.code), Some("EXIT_TIMEOUT".to_owned()));
}

/// A rerun reuses each step that succeeded, unless a step that it depends on is executed again.
#[test]
fn a_rerun_reuses_succeeded_steps() {
    let workflow = run("
steps:
- {name: a, python: {code: x}}
- {name: b, needs: [a], python: {code: x}}
- {name: c, needs: [b], python: {code: x}}
- {name: d, needs: [a], python: {code: x}}
onExit: [{name: bye, expr: {value: 1}}]");
    let step = |name: &str, phase| StepStatus { name: name.to_owned(), phase, ..StepStatus::default() };
    let earlier = [
        step("a", StepPhase::Succeeded),
        step("b", StepPhase::Failed),
        step("c", StepPhase::Skipped),
        step("d", StepPhase::Succeeded),
        step("bye", StepPhase::Succeeded),
    ];
    let reused_names = |from: ReuseFrom| {
        let reused = reusable_steps(workflow.workflow(), &earlier, &from);
        reused.into_iter().map(|step| step.name).collect::<Vec<_>>()
    };
    assert_eq!(reused_names(ReuseFrom::Keyword("Failed".into())), ["a", "d"]);
    assert_eq!(reused_names(ReuseFrom::Steps(vec!["d".into()])), ["a"]);
    assert_eq!(reused_names(ReuseFrom::Steps(vec!["a".into()])), Vec::<String>::new());
    let from = ReuseFrom::Steps(vec!["a".into(), "aa".into(), "bye".into()]);
    assert_eq!(unknown_steps(workflow.workflow(), &from), ["aa", "bye"], "`onExit` steps cannot be named");
    assert!(unknown_steps(workflow.workflow(), &ReuseFrom::Keyword("Failed".into())).is_empty());
}

/// A run fails if one of its `onExit` steps cannot start before their timeout.
#[test]
fn an_exit_step_that_cannot_start_before_the_timeout_fails_the_run() {
    let mut run = Driver::new(
        "
steps: [{name: a, expr: {value: 1}}]
onExit:
- {name: tell, continueOnError: true, python: {code: x}}
- {name: clean, needs: [tell], python: {code: x}}",
    );
    assert_eq!(started_keys(&run.advance()), ["tell#1"]);
    run.now = 700.0;
    let end = ended(run.advance());
    let error = end.error.expect("the run has an error");
    assert_eq!((end.phase, error.step.as_deref()), (RunPhase::Failed, Some("clean")));
    assert_eq!(error.code, "EXIT_TIMEOUT");
}
