//! Tests of approvals, waits, sub-runs and the suspension of runs.

use super::super::{SuspendRun, awaited_sub_runs};
use super::*;

const APPROVED: &str = "
steps:
- name: ask
  approval:
    message: 'Pay ${{ input.n }}?'
    roles: [operator]
    timeout: 2h
    schema: {type: object, properties: {sum: {type: number}}, required: [sum]}
- {name: pay, needs: [ask], python: {code: x}, with: {sum: '${{ steps.ask.output.input.sum }}'}}";

/// A run that waits for an approval is suspended, and its status contains the rendered message.
#[test]
fn an_approval_suspends_the_run_until_the_decision() {
    let mut run = Driver::new(APPROVED);
    let advance = run.advance();
    assert_eq!(advance.suspend, Some(SuspendRun { wake_at: Some(time_at(7200.0)), stops_clock: true }));
    assert_eq!((advance.wait_until, run.step("ask").phase), (None, StepPhase::Suspended));
    let waiting = run.step("ask").waiting.clone().expect("the step is waiting");
    assert_eq!((waiting.message.as_deref(), waiting.roles), (Some("Pay 5?"), vec!["operator".to_owned()]));
    run.now = 60.0;
    run.decide("ask", true, Some(json!({"sum": 7})));
    let advance = run.resume_after(&RunnerLoss::Interrupted);
    assert_eq!((advance.suspend, advance.start[0].input.clone()), (None, json!({"sum": 7})));
    assert_eq!(
        run.step("ask").output.as_ref().map(|output| output["by"].clone()),
        Some(json!("anna@acme.example"))
    );
    assert_eq!(run.step("ask").waiting, None);
}

/// A rejection fails the step, unless the step says that it continues. Then the rejection is its output.
#[test]
fn a_rejection_fails_the_step_or_is_its_output() {
    let rejected = |yaml: &str| {
        let mut run = Driver::new(yaml);
        run.advance();
        run.decide("ask", false, None);
        run.advance();
        let step = run.step("ask");
        (step.phase, step.error.clone().map(|error| error.code), step.output.clone())
    };
    assert_eq!(rejected(APPROVED), (StepPhase::Failed, Some("REJECTED".to_owned()), None));
    let continues = APPROVED
        .replace("timeout: 2h", "onReject: Continue")
        .replace("{sum: '${{ steps.ask.output.input.sum }}'}", "{}");
    let output = json!({"approved": false, "by": "anna@acme.example", "input": null});
    assert_eq!(rejected(&continues), (StepPhase::Succeeded, None, Some(output)));
}

/// A decision whose input violates the schema is refused with the reason, and another one with the same key replaces it.
#[test]
fn an_invalid_decision_is_refused_and_can_be_replaced() {
    let mut run = Driver::new(APPROVED);
    run.advance();
    run.decide("ask", true, Some(json!({"sum": "x"})));
    assert!(run.advance().suspend.is_some(), "the run waits on");
    let refused = run.step("ask").waiting.clone().and_then(|waiting| waiting.refused).expect("it is refused");
    assert!(refused.message.contains("/sum"), "{}", refused.message);
    assert_eq!((refused.by.as_deref(), refused.generation), (Some("anna@acme.example"), 1));
    let before = run.state.clone();
    run.advance();
    assert_eq!(run.state, before, "a decision is refused once");

    run.decisions.clear();
    run.decide("ask", true, Some(json!({"sum": 7})));
    assert_eq!(run.advance().start[0].input, json!({"sum": 7}));
}

/// The output of an approval has the defaults of its form.
#[test]
fn defaults_of_the_form_are_part_of_the_output() {
    let form = "{type: object, required: [sum], properties: {sum: {type: number, default: 9}, note: {default: none}}}";
    let yaml = APPROVED.replace("{type: object, properties: {sum: {type: number}}, required: [sum]}", form);
    for (given, expected) in [
        (None, json!({"sum": 9, "note": "none"})),
        (Some(json!({"sum": 7})), json!({"sum": 7, "note": "none"})),
    ] {
        let mut run = Driver::new(&yaml);
        run.advance();
        run.decide("ask", true, given);
        assert_eq!(run.advance().start[0].input, json!({"sum": expected["sum"]}));
        assert_eq!(run.step("ask").output.as_ref().map(|output| output["input"].clone()), Some(expected));
    }
}

/// A decision with a number that was rounded is refused by the name of the number, whether it approves or rejects, with or
/// without a form.
#[test]
fn a_decision_with_a_rounded_number_is_refused() {
    let without_form = "steps: [{name: ask, approval: {message: m, onReject: Continue}}]";
    for (yaml, approved) in [(APPROVED, true), (without_form, true), (without_form, false)] {
        let mut run = Driver::new(yaml);
        run.advance();
        run.decide("ask", approved, Some(json!({"sum": [1, 1.8e19]})));
        assert!(run.advance().suspend.is_some(), "the run waits on");
        let refused =
            run.step("ask").waiting.clone().and_then(|waiting| waiting.refused).expect("it is refused");
        assert!(
            refused.message.contains("/sum/1") && refused.message.contains("64-bit"),
            "{}",
            refused.message
        );
    }
}

/// An approval whose only decision was refused ends at its timeout like one without a decision.
#[test]
fn a_refused_decision_does_not_prolong_the_approval() {
    let mut run = Driver::new(APPROVED);
    run.advance();
    run.decide("ask", true, None);
    run.advance();
    run.now = 7200.0;
    run.run = run_waited(&run.run, 7200);
    run.advance();
    assert_eq!(run.step("ask").error.clone().map(|error| error.code), Some("APPROVAL_TIMEOUT".to_owned()));
}

/// An approval without a decision ends at its timeout as `onTimeout` specifies.
#[test]
fn an_approval_without_a_decision_ends_as_on_timeout_specifies() {
    let step_result = |on_timeout: &str| {
        let yaml = APPROVED.replace("timeout: 2h", &format!("timeout: 2h\n    onTimeout: {on_timeout}"));
        let mut run =
            Driver::new(&yaml.replace("with: {sum: '${{ steps.ask.output.input.sum }}'}", "with: {}"));
        run.advance();
        run.now = 7200.0;
        run.run = run_waited(&run.run, 7200);
        run.advance();
        (run.step("ask").phase, run.step("ask").error.clone().map(|error| error.code))
    };
    assert_eq!(step_result("Fail"), (StepPhase::Failed, Some("APPROVAL_TIMEOUT".to_owned())));
    assert_eq!(step_result("Reject"), (StepPhase::Failed, Some("REJECTED".to_owned())));
    assert_eq!(step_result("Approve"), (StepPhase::Succeeded, None));
}

/// Each item of a fan-out requires its own decision.
#[test]
fn each_item_requires_its_own_decision() {
    let mut run = Driver::new(
        "steps: [{name: ask, forEach: {items: [a, b], maxParallel: 2}, approval: {message: '${{ item }}?'}}]",
    );
    assert!(run.advance().suspend.is_some());
    run.decide("ask/1", true, None);
    assert!(run.advance().suspend.is_some());
    assert_eq!(run.step("ask").phase, StepPhase::Suspended);
    run.decide("ask/0", true, None);
    assert_eq!(ended(run.advance()).phase, RunPhase::Succeeded);
}

/// A wait of up to 30 seconds keeps the runner; a longer one suspends the run.
#[test]
fn a_short_wait_holds_the_runner_and_a_long_one_does_not() {
    let mut short = Driver::new("steps: [{name: w, wait: {for: 20s}}]");
    let advance = short.advance();
    assert_eq!((advance.suspend, advance.wait_until), (None, Some(time_at(20.0))));
    short.now = 20.0;
    assert_eq!(ended(short.advance()).phase, RunPhase::Succeeded);
    let mut long = Driver::new("steps: [{name: w, wait: {for: 31s}}]");
    assert_eq!(long.advance().suspend, Some(SuspendRun { wake_at: Some(time_at(31.0)), stops_clock: true }));
}

/// A wait ends as soon as the step that it names has ended, in whatever phase, and says whether its time has elapsed.
#[test]
fn a_wait_ends_with_the_step_that_it_names() {
    let yaml = "
steps:
- {name: ask, continueOnError: true, approval: {message: 'go?'}}
- {name: w, wait: {for: 1h, untilStep: ask}}";
    let output = |run: &Driver| run.step("w").output.as_ref().map(|output| output["elapsed"].clone());
    let mut early = Driver::new(yaml);
    assert_eq!(early.advance().suspend.and_then(|suspend| suspend.wake_at), Some(time_at(3600.0)));
    early.decide("ask", false, None);
    assert_eq!(ended(early.advance()).phase, RunPhase::Succeeded);
    assert_eq!(output(&early), Some(json!(false)));

    let mut late = Driver::new(yaml);
    late.advance();
    late.now = 3600.0;
    late.run = run_waited(&late.run, 3600);
    assert!(late.advance().suspend.is_some(), "the approval is still open");
    assert_eq!(output(&late), Some(json!(true)));
}

/// A wait ends at the time of `until`, and fails if this time is invalid or too far in the future.
#[test]
fn a_wait_ends_at_a_time_that_an_expression_gives() {
    let wake_time_and_error = |until: &str| {
        let mut run = Driver::new(&format!("steps: [{{name: w, wait: {{until: \"{until}\"}}}}]"));
        let advance = run.advance();
        (
            advance.suspend.and_then(|suspend| suspend.wake_at),
            advance.finish.and_then(|end| end.error).map(|error| error.code),
        )
    };
    let day = time_at(86_400.0);
    assert_eq!(wake_time_and_error(&format!("'{day}'")), (Some(day), None));
    assert_eq!(
        wake_time_and_error(&format!("timestamp('{day}') + duration('1h')")),
        (Some(time_at(90_000.0)), None)
    );
    assert_eq!(wake_time_and_error("'2020-01-01T00:00:00Z'"), (None, None), "the time is in the past");
    assert_eq!(wake_time_and_error("'soon'"), (None, Some("WAIT_INVALID".to_owned())));
    assert_eq!(wake_time_and_error("'2200-01-01T00:00:00Z'"), (None, Some("WAIT_TOO_LONG".to_owned())));
}

/// A long backoff suspends the run, and the next runner starts the attempt when it is due.
#[test]
fn a_long_backoff_releases_the_runner() {
    let mut run = Driver::new(
        "steps: [{name: a, retry: {kinds: [User], backoff: {initial: 40s, max: 40s, jitter: 0}}, python: {code: x}}]",
    );
    run.advance();
    let advance = run.end_step("a", 1, user_failure("HTTP_503"));
    assert_eq!(advance.suspend, Some(SuspendRun { wake_at: Some(time_at(41.0)), stops_clock: false }));
    run.now = 41.0;
    assert_eq!(started(&run.resume_after(&RunnerLoss::Interrupted)), [("a", 2)]);
}

/// The next attempt starts no earlier than the `Retry-After` of the response.
#[test]
fn retry_after_extends_the_backoff() {
    let mut run = Driver::new("steps: [{name: a, timeout: 1m, retry: {kinds: [User]}, python: {code: x}}]");
    run.advance();
    let busy = |seconds| {
        let error = step_error(ErrorKind::User, "HTTP_429", "later");
        Outcome::Failed(Failure { error, retry_after: Some(Duration::from_secs(seconds)) })
    };
    assert_eq!(run.end_step("a", 1, busy(20)).wait_until, Some(time_at(21.0)));
    run.now = 21.0;
    run.advance();
    assert_eq!(
        ended(run.end_step("a", 2, busy(3600))).phase,
        RunPhase::Failed,
        "the next attempt would start after the timeout of the step"
    );
}

/// A failed start does not count as an attempt, and the step fails after ten of them in a row.
#[test]
fn failed_starts_do_not_count_as_attempts_and_are_limited() {
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    let not_started =
        || Outcome::NotStarted(step_error(ErrorKind::Infra, "NOT_STARTED", "no memory to fork"));
    for failed_starts in 1..10 {
        let advance = run.end_step("a", 1, not_started());
        assert_eq!((run.step("a").attempt, run.step("a").not_started), (None, Some(failed_starts)));
        run.now = advance
            .wait_until
            .or(advance.suspend.and_then(|suspend| suspend.wake_at))
            .expect("the next start is due")
            .duration_since(time_at(0.0))
            .as_secs_f64();
        assert_eq!(started(&run.advance()), [("a", 1)]);
    }
    assert_eq!(
        ended(run.end_step("a", 1, not_started())).error.map(|error| error.code),
        Some("NOT_STARTED".to_owned())
    );
}

const PARENT: &str = "
steps:
- {name: sub, workflow: {name: other}, with: {n: '${{ input.n }}'}}
- {name: after, needs: [sub], expr: {value: '${{ steps.sub.output.total }}'}}";

/// Returns a run that waits for its sub-run, and the name of the sub-run.
fn parent() -> (Driver, String) {
    let mut run = Driver::new(PARENT);
    let advance = run.advance();
    let Task::CreateSubRun(sub) = &advance.start[0].task else {
        panic!("the task does not create a sub-run")
    };
    assert_eq!((sub.workflow.as_str(), sub.input.clone(), sub.depth), ("other", json!({"n": 5}), 1));
    let name = sub.name.clone();
    let advance = run.end_step("sub", 1, Outcome::SubRunCreated);
    assert_eq!(advance.suspend.map(|suspend| suspend.stops_clock), Some(false));
    assert_eq!(awaited_sub_runs(&run.state.steps), [name.as_str()]);
    (run, name)
}

/// A `workflow` step waits for its sub-run and has the output of the sub-run.
#[test]
fn a_step_has_the_output_of_its_sub_run() {
    let (mut run, name) = parent();
    run.children.insert(name, SubRunOutcome::Succeeded { output: json!({"total": 3}), stored: None });
    assert_eq!(ended(run.resume_after(&RunnerLoss::Interrupted)).output, Some(json!({"after": 3})));
}

/// The failure of a sub-run fails the step with its cause, and cancelling a run cancels its sub-runs.
#[test]
fn sub_run_failures_propagate_to_the_parent_and_cancellation_to_the_sub_run() {
    let (mut run, name) = parent();
    let failure = crds::run::RunError {
        step: Some("x".into()),
        kind: ErrorKind::User,
        code: "HTTP_404".into(),
        message: "no".into(),
    };
    run.children.insert(name, SubRunOutcome::Unsuccessful { phase: RunPhase::Failed, error: Some(failure) });
    let error = ended(run.advance()).error.expect("the run has an error");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::User, "SUB_RUN_FAILED"));
    assert!(error.message.contains("step x: HTTP_404: no"), "{}", error.message);

    let (mut immediate, name) = parent();
    immediate.cancel = Some(Cancel::Now);
    let advance = immediate.advance();
    assert_eq!(advance.cancel_sub_runs, [(name, Cancel::Now)]);
    assert_eq!(ended(advance).phase, RunPhase::Cancelled);

    let (mut graceful, name) = parent();
    graceful.cancel = Some(Cancel::Graceful);
    let advance = graceful.advance();
    assert_eq!(advance.cancel_sub_runs, [(name.clone(), Cancel::Graceful)]);
    assert_eq!(
        (advance.finish, advance.suspend),
        (None, None),
        "the runner is kept until the sub-run has ended"
    );
    graceful.children.insert(name, SubRunOutcome::Unsuccessful { phase: RunPhase::Cancelled, error: None });
    assert_eq!(ended(graceful.advance()).phase, RunPhase::Cancelled);
}

/// The next runner creates a sub-run with the same name if a runner is lost before the creation is recorded.
#[test]
fn a_lost_runner_creates_no_second_sub_run() {
    let mut run = Driver::new(PARENT);
    let name = |advance: &Advance| match &advance.start[0].task {
        Task::CreateSubRun(sub) => sub.name.clone(),
        other => panic!("unexpected task: {other:?}"),
    };
    let first = run.advance();
    let second = run.resume_after(&RunnerLoss::Interrupted);
    assert_eq!((name(&first), started(&second)), (name(&second), vec![("sub", 1)]));
}

/// A sub-run beyond the maximum nesting depth fails the run.
#[test]
fn the_nesting_depth_of_sub_runs_is_limited() {
    let mut run = Driver::new(PARENT);
    let data = RunData { depth: 8, input: json!({"n": 1}), ..RunData::default() };
    run.run = Run::new(run.run.workflow().clone(), data, time_at(0.0), Duration::ZERO);
    assert_eq!(ended(run.advance()).error.map(|error| error.code), Some("SUB_RUN_TOO_DEEP".to_owned()));
}

/// The time that a run waits for approvals does not count towards its timeout.
#[test]
fn waits_for_approvals_do_not_count_towards_the_timeout() {
    let mut run = Driver::new(APPROVED);
    run.advance();
    run.now = 7000.0;
    run.decide("ask", true, Some(json!({"sum": 7})));
    assert_eq!(ended(run.advance()).phase, RunPhase::TimedOut, "the runner did not report the wait");
    let mut run = Driver::new(APPROVED);
    run.advance();
    run.now = 7000.0;
    run.decide("ask", true, Some(json!({"sum": 7})));
    run.run = run_waited(&run.run, 6990);
    assert_eq!(run.advance().start[0].deadline, time_at(3600.0 + 6990.0));
}

/// The failure of a step ends all pending approvals of the run.
#[test]
fn a_failure_ends_pending_approvals() {
    let mut run = Driver::new("steps: [{name: ask, approval: {message: m}}, {name: a, python: {code: x}}]");
    run.advance();
    assert_eq!(ended(run.end_step("a", 1, user_failure("NO"))).phase, RunPhase::Failed);
    assert_eq!((run.step("ask").phase, run.step("ask").waiting.clone()), (StepPhase::Cancelled, None));
}
