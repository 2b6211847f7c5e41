//! `onExit` steps, and taking over steps of an earlier run.

use crds::run::ReuseFrom;

use super::super::reusable_steps;
use super::*;

const EXIT: &str = "
timeout: 10s
steps: [{name: a, python: {code: x}}]
onExit:
- {name: tell, python: {code: x}, with: {phase: '${{ outcome.phase }}', code: '${{ outcome.error == null ? null : outcome.error.code }}', a: '${{ steps.a.phase }}'}}
- {name: clean, needs: [tell], python: {code: x}}
- {name: other, expr: {value: 1}}";

/// Compensation runs whatever happened, and knows what happened.
#[test]
fn on_exit_runs_after_success_failure_cancel_and_timeout() {
    let tell = |drive: &dyn Fn(&mut Driver) -> Advance| {
        let mut run = Driver::new(EXIT);
        run.advance();
        let advance = drive(&mut run);
        assert_eq!((places(&advance), advance.finish.is_none()), (vec!["tell#1".to_owned()], true));
        assert_eq!(advance.start[0].deadline, time_at(run.now + 600.0));
        let input = advance.start[0].input.clone();
        assert!(run.state.ending.is_some());
        run.succeeds("tell", json!(1));
        let end = run.succeeds("clean", json!(1));
        assert_eq!(end.state.ending, None);
        (input, ended(end).phase)
    };
    let of = |phase: &str, code: Value, a: &str| json!({"phase": phase, "code": code, "a": a});
    assert_eq!(
        tell(&|run| run.succeeds("a", json!(1))),
        (of("Succeeded", Value::Null, "Succeeded"), RunPhase::Succeeded)
    );
    assert_eq!(
        tell(&|run| run.ends("a", 1, user("NO"))),
        (of("Failed", json!("NO"), "Failed"), RunPhase::Failed)
    );
    let cancelled = |run: &mut Driver| {
        run.cancel = Some(Cancel::Now);
        run.advance()
    };
    assert_eq!(tell(&cancelled), (of("Cancelled", json!("CANCELLED"), "Cancelled"), RunPhase::Cancelled));
    let late = |run: &mut Driver| {
        run.now = 10.0;
        run.advance()
    };
    assert_eq!(tell(&late), (of("TimedOut", json!("RUN_TIMEOUT"), "Failed"), RunPhase::TimedOut));
}

/// A run whose compensation failed did not succeed; what failed before stays the reason.
#[test]
fn a_failure_in_on_exit_fails_a_run_that_had_succeeded() {
    let mut run = Driver::new(EXIT);
    run.advance();
    run.succeeds("a", json!(1));
    let end = ended(run.ends("tell", 1, user("MAIL_DOWN")));
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
    run.ends("a", 1, user("FIRST"));
    let end = ended(run.ends("tell", 1, user("MAIL_DOWN")));
    assert_eq!(end.error.map(|error| error.code), Some("FIRST".to_owned()));
}

#[test]
fn on_exit_is_bounded_and_resumed() {
    let mut run = Driver::new(EXIT);
    run.advance();
    run.succeeds("a", json!(1));
    assert_eq!(places(&run.resumes(&RunnerLoss::Interrupted)), ["tell#2"]);
    run.now = 700.0;
    let advance = run.advance();
    assert_eq!(advance.stop.len(), 1);
    assert_eq!(ended(advance).error.map(|error| error.code), Some("EXIT_TIMEOUT".to_owned()));
}

/// A rerun makes no payment twice: what succeeded, and depends on nothing that runs again, is taken over.
#[test]
fn a_rerun_takes_over_what_was_done() {
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
    let names = |from: ReuseFrom| {
        let taken = reusable_steps(workflow.workflow(), &earlier, &from);
        taken.into_iter().map(|step| step.name).collect::<Vec<_>>()
    };
    assert_eq!(names(ReuseFrom::Keyword("Failed".into())), ["a", "d"]);
    assert_eq!(names(ReuseFrom::Steps(vec!["d".into()])), ["a"]);
    assert_eq!(names(ReuseFrom::Steps(vec!["a".into()])), Vec::<String>::new());
}

/// A clean-up that never came to its turn is told as a success, since the one before it was allowed to fail.
#[test]
fn a_clean_up_that_is_cut_off_fails_the_run() {
    let mut run = Driver::new(
        "
steps: [{name: a, expr: {value: 1}}]
onExit:
- {name: tell, continueOnError: true, python: {code: x}}
- {name: clean, needs: [tell], python: {code: x}}",
    );
    assert_eq!(places(&run.advance()), ["tell#1"]);
    run.now = 700.0;
    let end = ended(run.advance());
    let error = end.error.expect("an error");
    assert_eq!((end.phase, error.step.as_deref()), (RunPhase::Failed, Some("clean")));
    assert_eq!(error.code, "EXIT_TIMEOUT");
}
