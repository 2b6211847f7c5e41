mod exit;
mod items;
mod stores;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use crds::run::{Cancel, Decision, OutputRef, RunPhase, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Advance, Child, Facts, Failure, Finish, Lost, Outcome, Output, Place, Run, Signals, State, Work, error,
    written,
};
use crate::workflow::{Environment, validate};

const START: i64 = 1_795_500_000;

pub(super) fn at(seconds: f64) -> Timestamp {
    Timestamp::from_second(START).expect("in range") + SignedDuration::from_secs_f64(seconds)
}

pub(super) fn run(yaml: &str) -> Run {
    let spec = serde_yaml::from_str(yaml).expect("a workflow's spec");
    let facts = Facts {
        input: json!({"n": 5, "url": ""}),
        run_id: "uid-1".to_owned(),
        run_name: "run-1".to_owned(),
        tenant: "acme".to_owned(),
        tenant_settings: json!({"currency": "EUR"}),
        ..Facts::default()
    };
    Run::new(validate(&spec, &Environment::default()).expect("valid"), facts, at(0.0), Duration::ZERO)
}

/// A run as the runner drives it: what was written last is what the next call gets.
struct Driver {
    run: Run,
    state: State,
    now: f64,
    cancel: Option<Cancel>,
    decisions: Vec<Decision>,
    children: BTreeMap<String, Child>,
}

impl Driver {
    fn new(yaml: &str) -> Self {
        let (run, state) = (run(yaml), State::default());
        Self { run, state, now: 0.0, cancel: None, decisions: Vec::new(), children: BTreeMap::new() }
    }

    fn advance(&mut self) -> Advance {
        let signals = Signals { cancel: self.cancel, decisions: &self.decisions, children: &self.children };
        let advance = self.run.advance(&self.state, &signals, at(self.now));
        self.state.clone_from(&advance.state);
        advance
    }

    fn ends(&mut self, place: &str, attempt: u32, outcome: Outcome) -> Advance {
        self.now += 1.0;
        let place = Place::parse(place).expect("a place");
        self.state = self.run.on_outcome(&self.state, &place, attempt, outcome, at(self.now), 0.5);
        self.advance()
    }

    fn succeeds(&mut self, place: &str, output: Value) -> Advance {
        self.ends(place, 1, Outcome::Succeeded(output.into()))
    }

    /// The pod is lost; the next one goes on from what was written.
    fn resumes(&mut self, lost: &Lost) -> Advance {
        let state = State { steps: written(&self.state.steps), ending: self.state.ending.clone() };
        self.state = self.run.resume(&state, lost, at(self.now));
        self.advance()
    }

    fn decide(&mut self, key: &str, approved: bool, input: Option<Value>) {
        let by = Some("anna@acme.example".to_owned());
        self.decisions.push(Decision { key: key.to_owned(), approved, input, by });
    }

    fn step(&self, name: &str) -> &StepStatus {
        self.state.steps.iter().find(|step| step.name == name).expect("a step")
    }

    fn phases(&self) -> Vec<(&str, StepPhase)> {
        self.state.steps.iter().map(|step| (step.name.as_str(), step.phase)).collect()
    }
}

fn started(advance: &Advance) -> Vec<(&str, u32)> {
    advance.start.iter().map(|start| (start.place.step.as_str(), start.attempt)).collect()
}

fn places(advance: &Advance) -> Vec<String> {
    advance.start.iter().map(|start| format!("{}#{}", start.place, start.attempt)).collect()
}

fn ended(advance: Advance) -> Finish {
    advance.finish.expect("the end")
}

fn user(code: &str) -> Outcome {
    Outcome::Failed(error(ErrorKind::User, code, "the service said no").into())
}

fn infra(code: &str) -> Outcome {
    Outcome::Failed(error(ErrorKind::Infra, code, "").into())
}

fn stored_at(uri: &str) -> OutputRef {
    OutputRef {
        uri: uri.to_owned(),
        bytes: 20_000,
        sha256: "ab".to_owned(),
        media_type: "application/json".to_owned(),
    }
}

fn is_stored(value: &Value, uri: &str) -> Outcome {
    Outcome::Succeeded(Output { value: value.clone(), stored: Some(stored_at(uri)) })
}

const CHAIN: &str = "
steps:
- {name: a, python: {code: x}, with: {n: '${{ input.n }}'}}
- {name: b, needs: [a], python: {code: x}, with: {got: '${{ steps.a.output.v }}'}}
- {name: c, needs: [b], expr: {value: '${{ steps.b.output + 1 }}'}}
output: {total: '${{ steps.c.output }}', in: '${{ tenant.settings.currency }}'}";

/// The ordinary run: each step gets what the step before gave, one write per advance, and the output is shaped.
#[test]
fn a_chain_runs_to_its_output() {
    let mut run = Driver::new(CHAIN);
    let first = run.advance();
    assert_eq!(started(&first), [("a", 1)]);
    assert_eq!(first.start[0].input, json!({"n": 5}));
    assert_eq!(first.start[0].idempotency_key, "uid-1/a");
    assert_eq!(first.wait_until, Some(at(3600.0)));
    let second = run.succeeds("a", json!({"v": "x"}));
    assert_eq!(second.start[0].input, json!({"got": "x"}));
    let last = run.succeeds("b", json!(41));
    let finish = last.finish.expect("the end");
    assert_eq!((finish.phase, finish.output), (RunPhase::Succeeded, Some(json!({"total": 42, "in": "EUR"}))));
    assert_eq!(
        run.phases(),
        [("a", StepPhase::Succeeded), ("b", StepPhase::Succeeded), ("c", StepPhase::Succeeded)]
    );
}

/// A write that was refused with a conflict is made again: asking twice must not start a step twice.
#[test]
fn asking_again_starts_nothing_again() {
    let mut run = Driver::new(CHAIN);
    assert_eq!(run.run.advance(&run.state, &Signals::NONE, at(0.0)), run.advance());
    assert_eq!(started(&run.advance()), []);
    let a = Place::step("a");
    let ended =
        run.run.on_outcome(&run.state, &a, 1, Outcome::Succeeded(json!({"v": 1}).into()), at(1.0), 0.5);
    let again = run.run.on_outcome(&ended, &a, 1, user("LATE"), at(2.0), 0.5);
    assert_eq!(ended, again);
    assert_eq!(run.run.on_outcome(&run.state, &a, 2, user("OTHER"), at(2.0), 0.5), run.state);
}

#[test]
fn a_step_whose_condition_is_false_is_skipped_and_counts_as_done() {
    let mut run = Driver::new(
        "
steps:
- {name: a, when: \"input.url != ''\", python: {code: x}}
- {name: b, needs: [a], expr: {value: '${{ steps.a }}'}}",
    );
    let end = run.advance().finish.expect("the end");
    assert_eq!(run.step("a").phase, StepPhase::Skipped);
    assert_eq!(end.output, Some(json!({"b": {"phase": "Skipped", "output": null, "error": null}})));
}

const TWO_ARMS: &str = "
steps:
- {name: bad, python: {code: x}}
- {name: good, python: {code: x}}
- {name: after-bad, needs: [bad], python: {code: x}}
- {name: after-good, needs: [good], python: {code: x}}";

/// When a step fails, what runs may end, nothing new starts, and the run says which step it failed of.
#[test]
fn a_failure_ends_the_run_when_what_runs_has_ended() {
    let mut run = Driver::new(TWO_ARMS);
    run.advance();
    let failed = run.ends("bad", 1, user("HTTP_404"));
    assert_eq!((started(&failed), &failed.finish), (vec![], &None));
    let end = run.succeeds("good", json!(1)).finish.expect("the end");
    assert_eq!(end.phase, RunPhase::Failed);
    insta::assert_yaml_snapshot!(end.error);
    assert_eq!(run.step("after-bad").phase, StepPhase::Skipped);
    assert_eq!(run.step("after-good").phase, StepPhase::Cancelled);
}

#[test]
fn a_run_goes_on_after_a_failure_where_the_step_says_so() {
    let mut run = Driver::new("
steps:
- {name: bad, continueOnError: true, python: {code: x}}
- {name: b, needs: [bad], when: \"steps.bad.phase == 'Failed'\", expr: {value: '${{ steps.bad.error.code }}'}}");
    run.advance();
    let end = run.ends("bad", 1, user("NO")).finish.expect("the end");
    assert_eq!((end.phase, end.output), (RunPhase::Succeeded, Some(json!({"b": "NO"}))));
}

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
    assert_eq!(run.advance().start[0].deadline, at(5.0));
    let waits = run.ends("a", 1, user("HTTP_500"));
    assert_eq!((started(&waits), waits.wait_until), (vec![], Some(at(3.0))));
    assert_eq!(run.step("a").phase, StepPhase::Pending);
    run.now = 3.0;
    assert_eq!(started(&run.advance()), [("a", 2)]);
    let waits = run.ends("a", 2, Outcome::TimedOut);
    assert_eq!(waits.wait_until, Some(at(8.0)));
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
    let infra = || Outcome::Failed(error(ErrorKind::Infra, "GONE", "").into());
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
    let infra = || Outcome::Failed(error(ErrorKind::Infra, "IMAGE", "").into());
    assert_eq!(run.ends("a", 1, infra()).wait_until, Some(at(2.0)));
    run.now = 2.0;
    run.advance();
    run.ends("a", 2, infra());
    run.now = 60.0;
    assert_eq!(started(&run.advance()), [("a", 3)]);
    assert_eq!(run.ends("a", 3, infra()).finish.map(|end| end.phase), Some(RunPhase::Failed));
}

/// The pod dies in the second of three steps: the first is not repeated, the second is, at once, as attempt 2.
#[test]
fn a_new_runner_goes_on_after_the_last_step_that_ended() {
    let mut run = Driver::new(CHAIN);
    run.advance();
    run.succeeds("a", json!({"v": "x"}));
    run.state = run.run.resume(&run.state, &Lost::parse(Some("PodDeleted")), at(9.0));
    run.now = 9.0;
    assert_eq!(started(&run.advance()), [("b", 2)]);
    let end = run.ends("b", 2, Outcome::Succeeded(json!(1).into())).finish.expect("the end");
    assert_eq!(
        (end.phase, run.step("a").attempt, run.step("b").attempt),
        (RunPhase::Succeeded, Some(1), Some(2))
    );
}

/// A payment must not be made twice: a step that leaves out Infra is not repeated when nobody knows how far it came.
#[test]
fn a_step_that_runs_at_most_once_fails_when_it_is_interrupted() {
    let mut run = Driver::new("steps: [{name: pay, retry: {on: [User]}, python: {code: x}}]");
    run.advance();
    run.state = run.run.resume(&run.state, &Lost::Interrupted, at(1.0));
    let end = run.advance().finish.expect("the end");
    assert_eq!(
        end.error.map(|error| (error.kind, error.code)),
        Some((ErrorKind::Infra, "INTERRUPTED".to_owned()))
    );
}

/// A step that needs too much memory must not take pod after pod down; where its fault is not certain it is tried again.
#[test]
fn out_of_memory_is_the_fault_of_the_only_step_in_a_host() {
    let mut alone =
        Driver::new("steps: [{name: a, python: {code: x}}, {name: h, http: {url: 'http://x.example'}}]");
    alone.advance();
    alone.state = alone.run.resume(&alone.state, &Lost::parse(Some("OOMKilled")), at(1.0));
    assert_eq!(alone.step("a").error.as_ref().map(|error| error.code.as_str()), Some("OOM_KILLED"));
    assert_eq!(alone.step("h").phase, StepPhase::Pending);
    let mut two = Driver::new(TWO_ARMS);
    two.advance();
    two.state = two.run.resume(&two.state, &Lost::OutOfMemory, at(1.0));
    two.now = 1.0;
    // Nobody knows whose fault it was: no attempt is spent.
    assert_eq!(started(&two.advance()), [("bad", 1), ("good", 1)]);
}

#[test]
fn cancel_waits_for_running_steps_or_kills_them() {
    let mut graceful = Driver::new(TWO_ARMS);
    graceful.advance();
    graceful.cancel = Some(Cancel::Graceful);
    assert_eq!(graceful.advance().finish, None);
    assert_eq!(started(&graceful.succeeds("good", json!(1))), []);
    let end = graceful.ends("bad", 1, user("NO"));
    assert_eq!(end.finish.map(|end| end.phase), Some(RunPhase::Cancelled));

    let mut now = Driver::new(TWO_ARMS);
    now.advance();
    now.cancel = Some(Cancel::Now);
    let end = now.advance();
    assert_eq!(end.stop.len(), 2);
    assert_eq!(end.finish.map(|end| end.phase), Some(RunPhase::Cancelled));
    assert!(now.state.steps.iter().all(|step| step.phase == StepPhase::Cancelled));
}

#[test]
fn a_run_ends_at_its_timeout() {
    let mut run = Driver::new(&format!("timeout: 10s{TWO_ARMS}"));
    assert_eq!(run.advance().wait_until, Some(at(10.0)));
    run.now = 10.0;
    let end = run.advance();
    assert_eq!(end.stop.len(), 2);
    let finish = end.finish.expect("the end");
    assert_eq!(
        (finish.phase, finish.error.map(|e| e.code)),
        (RunPhase::TimedOut, Some("RUN_TIMEOUT".to_owned()))
    );
}

/// Each failure that needs no runner is told with its field, and the run ends at once.
#[test]
fn failures_of_templates_and_schemas_say_what_broke() {
    let messages: Vec<String> = [
        "steps: [{name: a, when: input.n, expr: {value: 1}}]",
        "steps: [{name: a, with: {x: '${{ input.nope }}'}, python: {code: x}}]",
        "steps: [{name: a, with: {x: 1}, input: {schema: {required: [y]}}, python: {code: x}}]",
        "steps: [{name: a, output: {schema: {type: string}}, expr: {value: 1}}]",
        "steps: [{name: a, http: {url: '${{ input.url }}'}}]",
        "{output: '${{ input.nope }}', steps: [{name: a, expr: {value: 1}}]}",
    ]
    .iter()
    .map(|yaml| {
        let finish = Driver::new(yaml).advance().finish.expect("the end");
        let error = finish.error.expect("an error");
        format!("{:?} {:?}/{}: {}", error.step, error.kind, error.code, error.message)
    })
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn an_http_step_is_rendered_for_the_runner() {
    let mut run = Driver::new(
        "
steps:
- name: call
  http:
    method: POST
    url: 'https://api.example/orders/${{ input.n }}'
    headers: {X-Run: '${{ run.name }}'}
    query: {n: '${{ input.n }}'}
    json: {n: '${{ input.n }}'}
    auth: {basic: {username: u, password: '${{ tenant.name }}'}}
    success: status == 201 && body.ok
    maxResponseBytes: 64Ki",
    );
    let advance = run.advance();
    insta::assert_debug_snapshot!(advance.start[0].work);
    let ok = |status, body| run.run.http_succeeded("call", status, &BTreeMap::new(), &body);
    assert_eq!(ok(201, json!({"ok": true})), Ok(true));
    assert_eq!(ok(200, json!({"ok": true})), Ok(false));
    assert!(ok(201, json!(null)).is_err());
    let plain = self::run("steps: [{name: h, http: {url: 'http://x.example'}}]");
    assert_eq!(plain.http_succeeded("h", 399, &BTreeMap::new(), &json!(null)), Ok(true));
    assert_eq!(plain.http_succeeded("h", 400, &BTreeMap::new(), &json!(null)), Ok(false));
}

#[test]
fn environment_variables_are_text() {
    let mut run =
        Driver::new("steps: [{name: a, python: {code: x, env: {N: '${{ input.n }}', E: '${{ null }}'}}}]");
    let advance = run.advance();
    let Work::Python { env, .. } = &advance.start[0].work else { panic!("a Python step") };
    assert_eq!(
        env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
        [("E", ""), ("N", "5")]
    );
}

/// A step that may run only once fails though it never ran.
#[test]
fn an_attempt_that_was_never_made_is_not_counted() {
    let running = |attempt| State {
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
        state.take_back(&Place::step("fetch"), of);
        (state.steps[0].phase, state.steps[0].attempt)
    };
    assert_eq!(taken_back(1, 1), (StepPhase::Pending, None));
    assert_eq!(taken_back(2, 2), (StepPhase::Pending, Some(1)));
    assert_eq!(taken_back(2, 1), (StepPhase::Running, Some(2)));
}

/// The same run after it has waited for so many seconds.
fn run_waited(run: &Run, seconds: u64) -> Run {
    Run::new(run.workflow().clone(), run.facts.clone(), at(0.0), Duration::from_secs(seconds))
}
