//! Approvals, waits, sub-runs, and the suspension of runs.

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

/// Who is asked sees what is asked; a run that waits for a person holds no pod, and the wait does not use up its time.
#[test]
fn an_approval_suspends_the_run_until_the_decision() {
    let mut run = Driver::new(APPROVED);
    let advance = run.advance();
    assert_eq!(advance.suspend, Some(SuspendRun { wake_at: Some(time_at(7200.0)), stops_clock: true }));
    assert_eq!((advance.wait_until, run.step("ask").phase), (None, StepPhase::Suspended));
    let waiting = run.step("ask").waiting.clone().expect("a question");
    assert_eq!((waiting.message.as_deref(), waiting.roles), (Some("Pay 5?"), vec!["operator".to_owned()]));
    run.now = 60.0;
    run.decide("ask", true, Some(json!({"sum": 7})));
    let advance = run.resumes(&RunnerLoss::Interrupted);
    assert_eq!((advance.suspend, advance.start[0].input.clone()), (None, json!({"sum": 7})));
    assert_eq!(
        run.step("ask").output.as_ref().map(|output| output["by"].clone()),
        Some(json!("anna@acme.example"))
    );
    assert_eq!(run.step("ask").waiting, None);
}

#[test]
fn a_rejection_and_an_invalid_decision_fail_the_step() {
    let code = |approved, input| {
        let mut run = Driver::new(APPROVED);
        run.advance();
        run.decide("ask", approved, input);
        let error = ended(run.advance()).error.expect("an error");
        (error.kind, error.code)
    };
    assert_eq!(code(false, None), (ErrorKind::User, "REJECTED".to_owned()));
    assert_eq!(code(true, Some(json!({"sum": "x"}))), (ErrorKind::Schema, "DECISION_INVALID".to_owned()));
}

#[test]
fn an_approval_that_nobody_gives_ends_as_the_workflow_says() {
    let end = |on_timeout: &str| {
        let yaml = APPROVED.replace("timeout: 2h", &format!("timeout: 2h\n    onTimeout: {on_timeout}"));
        let mut run =
            Driver::new(&yaml.replace("with: {sum: '${{ steps.ask.output.input.sum }}'}", "with: {}"));
        run.advance();
        run.now = 7200.0;
        run.run = run_waited(&run.run, 7200);
        run.advance();
        (run.step("ask").phase, run.step("ask").error.clone().map(|error| error.code))
    };
    assert_eq!(end("Fail"), (StepPhase::Failed, Some("APPROVAL_TIMEOUT".to_owned())));
    assert_eq!(end("Reject"), (StepPhase::Failed, Some("REJECTED".to_owned())));
    assert_eq!(end("Approve"), (StepPhase::Succeeded, None));
}

/// Each item of a fan-out is asked for by itself.
#[test]
fn items_are_decided_on_one_by_one() {
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

#[test]
fn a_wait_ends_at_a_time_that_an_expression_gives() {
    let waits = |until: &str| {
        let mut run = Driver::new(&format!("steps: [{{name: w, wait: {{until: \"{until}\"}}}}]"));
        let advance = run.advance();
        (
            advance.suspend.and_then(|suspend| suspend.wake_at),
            advance.finish.and_then(|end| end.error).map(|error| error.code),
        )
    };
    let day = time_at(86_400.0);
    assert_eq!(waits(&format!("'{day}'")), (Some(day), None));
    assert_eq!(waits(&format!("timestamp('{day}') + duration('1h')")), (Some(time_at(90_000.0)), None));
    assert_eq!(waits("'2020-01-01T00:00:00Z'"), (None, None), "it is over already");
    assert_eq!(waits("'soon'"), (None, Some("WAIT_INVALID".to_owned())));
    assert_eq!(waits("'2200-01-01T00:00:00Z'"), (None, Some("WAIT_TOO_LONG".to_owned())));
}

/// A retry in an hour must not keep a pod for an hour; the time is known to the next one.
#[test]
fn a_long_backoff_releases_the_runner() {
    let mut run = Driver::new(
        "steps: [{name: a, retry: {on: [User], backoff: {initial: 40s, max: 40s, jitter: 0}}, python: {code: x}}]",
    );
    run.advance();
    let advance = run.ends("a", 1, user("HTTP_503"));
    assert_eq!(advance.suspend, Some(SuspendRun { wake_at: Some(time_at(41.0)), stops_clock: false }));
    run.now = 41.0;
    assert_eq!(started(&run.resumes(&RunnerLoss::Interrupted)), [("a", 2)]);
}

/// A service that says when to come back is not asked before.
#[test]
fn retry_after_extends_the_backoff() {
    let mut run = Driver::new("steps: [{name: a, timeout: 1m, retry: {on: [User]}, python: {code: x}}]");
    run.advance();
    let busy = |seconds| {
        let error = step_error(ErrorKind::User, "HTTP_429", "later");
        Outcome::Failed(Failure { error, retry_after: Some(Duration::from_secs(seconds)) })
    };
    assert_eq!(run.ends("a", 1, busy(20)).wait_until, Some(time_at(21.0)));
    run.now = 21.0;
    run.advance();
    assert_eq!(ended(run.ends("a", 2, busy(3600))).phase, RunPhase::Failed, "after the step's timeout");
}

/// Ten pods whose host never came up are not ten attempts of the workflow's code, but it does not go on for ever.
#[test]
fn failed_starts_do_not_count_as_attempts_and_are_limited() {
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    let not_begun = || Outcome::NotStarted(step_error(ErrorKind::Infra, "NOT_STARTED", "no memory to fork"));
    for times in 1..10 {
        let advance = run.ends("a", 1, not_begun());
        assert_eq!((run.step("a").attempt, run.step("a").not_started), (None, Some(times)));
        run.now = advance
            .wait_until
            .or(advance.suspend.and_then(|suspend| suspend.wake_at))
            .expect("a time")
            .duration_since(time_at(0.0))
            .as_secs_f64();
        assert_eq!(started(&run.advance()), [("a", 1)]);
    }
    assert_eq!(
        ended(run.ends("a", 1, not_begun())).error.map(|error| error.code),
        Some("NOT_STARTED".to_owned())
    );
}

const PARENT: &str = "
steps:
- {name: sub, workflow: {name: other}, with: {n: '${{ input.n }}'}}
- {name: after, needs: [sub], expr: {value: '${{ steps.sub.output.total }}'}}";

fn parent() -> (Driver, String) {
    let mut run = Driver::new(PARENT);
    let advance = run.advance();
    let Task::CreateSubRun(sub) = &advance.start[0].task else { panic!("a sub-run") };
    assert_eq!((sub.workflow.as_str(), sub.input.clone(), sub.depth), ("other", json!({"n": 5}), 1));
    let name = sub.name.clone();
    let advance = run.ends("sub", 1, Outcome::SubRunCreated);
    assert_eq!(advance.suspend.map(|suspend| suspend.stops_clock), Some(false));
    assert_eq!(awaited_sub_runs(&run.state.steps), [name.as_str()]);
    (run, name)
}

#[test]
fn a_sub_run_is_waited_for_and_its_output_is_the_steps() {
    let (mut run, name) = parent();
    run.children.insert(name, SubRunOutcome::Succeeded { output: json!({"total": 3}), stored: None });
    assert_eq!(ended(run.resumes(&RunnerLoss::Interrupted)).output, Some(json!({"after": 3})));
}

#[test]
fn sub_run_failures_propagate_to_the_parent_and_cancellation_to_the_sub_run() {
    let (mut run, name) = parent();
    let of = crds::run::RunError {
        step: Some("x".into()),
        kind: ErrorKind::User,
        code: "HTTP_404".into(),
        message: "no".into(),
    };
    run.children.insert(name, SubRunOutcome::Unsuccessful { phase: RunPhase::Failed, error: Some(of) });
    let error = ended(run.advance()).error.expect("an error");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::User, "SUB_RUN_FAILED"));
    assert!(error.message.contains("step x: HTTP_404: no"), "{}", error.message);

    let (mut now, name) = parent();
    now.cancel = Some(Cancel::Now);
    let advance = now.advance();
    assert_eq!(advance.cancel_sub_runs, [(name, Cancel::Now)]);
    assert_eq!(ended(advance).phase, RunPhase::Cancelled);

    let (mut graceful, name) = parent();
    graceful.cancel = Some(Cancel::Graceful);
    let advance = graceful.advance();
    assert_eq!(advance.cancel_sub_runs, [(name.clone(), Cancel::Graceful)]);
    assert_eq!((advance.finish, advance.suspend), (None, None), "it is held until the sub-run has ended");
    graceful.children.insert(name, SubRunOutcome::Unsuccessful { phase: RunPhase::Cancelled, error: None });
    assert_eq!(ended(graceful.advance()).phase, RunPhase::Cancelled);
}

/// The pod is lost between the intent and the creation of the sub-run: the next one makes the same, not a second.
#[test]
fn a_lost_pod_creates_no_second_sub_run() {
    let mut run = Driver::new(PARENT);
    let name = |advance: &Advance| match &advance.start[0].task {
        Task::CreateSubRun(sub) => sub.name.clone(),
        other => panic!("{other:?}"),
    };
    let first = run.advance();
    let second = run.resumes(&RunnerLoss::Interrupted);
    assert_eq!((name(&first), started(&second)), (name(&second), vec![("sub", 1)]));
}

#[test]
fn the_nesting_depth_of_sub_runs_is_limited() {
    let mut run = Driver::new(PARENT);
    let facts = RunData { depth: 8, input: json!({"n": 1}), ..RunData::default() };
    run.run = Run::new(run.run.workflow().clone(), facts, time_at(0.0), Duration::ZERO);
    assert_eq!(ended(run.advance()).error.map(|error| error.code), Some("SUB_RUN_TOO_DEEP".to_owned()));
}

/// A night's wait for an approval is not taken from the run's hour.
#[test]
fn time_spent_waiting_for_people_does_not_count() {
    let mut run = Driver::new(APPROVED);
    run.advance();
    run.now = 7000.0;
    run.decide("ask", true, Some(json!({"sum": 7})));
    assert_eq!(ended(run.advance()).phase, RunPhase::TimedOut, "the runner did not tell of the wait");
    let mut run = Driver::new(APPROVED);
    run.advance();
    run.now = 7000.0;
    run.decide("ask", true, Some(json!({"sum": 7})));
    run.run = run_waited(&run.run, 6990);
    assert_eq!(run.advance().start[0].deadline, time_at(3600.0 + 6990.0));
}

/// When a step fails, nobody is asked for what will not be done.
#[test]
fn a_failure_ends_waits_for_people() {
    let mut run = Driver::new("steps: [{name: ask, approval: {message: m}}, {name: a, python: {code: x}}]");
    run.advance();
    assert_eq!(ended(run.ends("a", 1, user("NO"))).phase, RunPhase::Failed);
    assert_eq!((run.step("ask").phase, run.step("ask").waiting.clone()), (StepPhase::Cancelled, None));
}
