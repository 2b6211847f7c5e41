mod cancel;
mod exit;
mod items;
mod lost;
mod retry;
mod stores;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use crds::run::{Cancel, Decision, EndReason, OutputRef, RunPhase, StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Advance, ExternalEvents, Failure, FinishRun, Outcome, Output, Run, RunData, RunState, RunnerLoss,
    StepKey, SubRunOutcome, Task, persisted_steps, step_error,
};
use crate::workflow::{ValidationContext, validate};

const START: i64 = 1_795_500_000;

pub(super) fn time_at(seconds: f64) -> Timestamp {
    Timestamp::from_second(START).expect("the time is in range") + SignedDuration::from_secs_f64(seconds)
}

pub(super) fn run(yaml: &str) -> Run {
    let spec = serde_yaml::from_str(yaml).expect("the spec is valid YAML");
    let data = RunData {
        input: json!({"n": 5, "url": ""}),
        run_id: "uid-1".to_owned(),
        run_name: "run-1".to_owned(),
        tenant: "acme".to_owned(),
        tenant_settings: json!({"currency": "EUR"}),
        ..RunData::default()
    };
    Run::new(
        validate(&spec, &ValidationContext::default()).expect("the workflow is valid"),
        data,
        time_at(0.0),
        Duration::ZERO,
    )
}

/// Run with the state that was written last, which the next call receives.
struct Driver {
    run: Run,
    state: RunState,
    now: f64,
    cancel: Option<Cancel>,
    decisions: Vec<Decision>,
    children: BTreeMap<String, SubRunOutcome>,
}

impl Driver {
    fn new(yaml: &str) -> Self {
        let (run, state) = (run(yaml), RunState::default());
        Self { run, state, now: 0.0, cancel: None, decisions: Vec::new(), children: BTreeMap::new() }
    }

    fn advance(&mut self) -> Advance {
        let events = ExternalEvents {
            cancel: self.cancel,
            decisions: &self.decisions,
            generation: 1,
            sub_runs: &self.children,
        };
        let advance = self.run.advance(&self.state, &events, time_at(self.now));
        self.state.clone_from(&advance.state);
        advance
    }

    fn end_step(&mut self, key: &str, attempt: u32, outcome: Outcome) -> Advance {
        self.now += 1.0;
        let key = StepKey::parse(key).expect("the key is valid");
        self.state = self.run.record_outcome(&self.state, &key, attempt, outcome, time_at(self.now), 0.5);
        self.advance()
    }

    fn succeed_step(&mut self, key: &str, output: Value) -> Advance {
        self.end_step(key, 1, Outcome::Succeeded(output.into()))
    }

    /// Loses the runner and resumes the run from the persisted state with a new one.
    fn resume_after(&mut self, lost: &RunnerLoss) -> Advance {
        let state = RunState { steps: persisted_steps(&self.state.steps), ending: self.state.ending.clone() };
        self.state = self.run.resume(&state, lost, time_at(self.now));
        self.advance()
    }

    fn decide(&mut self, key: &str, approved: bool, input: Option<Value>) {
        let by = Some("anna@acme.example".to_owned());
        self.decisions.push(Decision { key: key.to_owned(), approved, input, by });
    }

    fn step(&self, name: &str) -> &StepStatus {
        self.state.steps.iter().find(|step| step.name == name).expect("the step exists")
    }

    fn phases(&self) -> Vec<(&str, StepPhase)> {
        self.state.steps.iter().map(|step| (step.name.as_str(), step.phase)).collect()
    }
}

fn started(advance: &Advance) -> Vec<(&str, u32)> {
    advance.start.iter().map(|start| (start.key.step.as_str(), start.attempt)).collect()
}

fn started_keys(advance: &Advance) -> Vec<String> {
    advance.start.iter().map(|start| format!("{}#{}", start.key, start.attempt)).collect()
}

fn ended(advance: Advance) -> FinishRun {
    advance.finish.expect("the run has ended")
}

fn user_failure(code: &str) -> Outcome {
    Outcome::Failed(step_error(ErrorKind::User, code, "the service said no").into())
}

fn infra_failure(code: &str) -> Outcome {
    Outcome::Failed(step_error(ErrorKind::Infra, code, "").into())
}

fn stored_at(uri: &str) -> OutputRef {
    OutputRef {
        uri: uri.to_owned(),
        bytes: 20_000,
        sha256: "ab".to_owned(),
        media_type: "application/json".to_owned(),
    }
}

fn stored_output(value: &Value, uri: &str) -> Outcome {
    Outcome::Succeeded(Output { value: value.clone(), stored: Some(stored_at(uri)) })
}

const CHAIN: &str = "
steps:
- {name: a, python: {code: x}, with: {n: '${{ input.n }}'}}
- {name: b, needs: [a], python: {code: x}, with: {got: '${{ steps.a.output.v }}'}}
- {name: c, needs: [b], expr: {value: '${{ steps.b.output + 1 }}'}}
output: {total: '${{ steps.c.output }}', in: '${{ tenant.settings.currency }}'}";

/// Each step of a chain receives the output of the previous one, and the run has the output of its template.
#[test]
fn a_chain_runs_to_its_output() {
    let mut run = Driver::new(CHAIN);
    let first = run.advance();
    assert_eq!(started(&first), [("a", 1)]);
    assert_eq!(first.start[0].input, json!({"n": 5}));
    assert_eq!(first.start[0].idempotency_key, "uid-1/a");
    assert_eq!(first.wait_until, Some(time_at(3600.0)));
    let second = run.succeed_step("a", json!({"v": "x"}));
    assert_eq!(second.start[0].input, json!({"got": "x"}));
    let last = run.succeed_step("b", json!(41));
    let finish = last.finish.expect("the run has ended");
    assert_eq!((finish.phase, finish.output), (RunPhase::Succeeded, Some(json!({"total": 42, "in": "EUR"}))));
    assert_eq!(
        run.phases(),
        [("a", StepPhase::Succeeded), ("b", StepPhase::Succeeded), ("c", StepPhase::Succeeded)]
    );
}

/// An advance or an outcome that is repeated, for example after a write conflict, starts no attempt twice.
#[test]
fn advancing_twice_starts_each_attempt_once() {
    let mut run = Driver::new(CHAIN);
    assert_eq!(run.run.advance(&run.state, &ExternalEvents::NONE, time_at(0.0)), run.advance());
    assert_eq!(started(&run.advance()), []);
    let a = StepKey::step("a");
    let ended = run.run.record_outcome(
        &run.state,
        &a,
        1,
        Outcome::Succeeded(json!({"v": 1}).into()),
        time_at(1.0),
        0.5,
    );
    let repeated = run.run.record_outcome(&ended, &a, 1, user_failure("LATE"), time_at(2.0), 0.5);
    assert_eq!(ended, repeated);
    assert_eq!(
        run.run.record_outcome(&run.state, &a, 2, user_failure("OTHER"), time_at(2.0), 0.5),
        run.state
    );
}

/// A step whose `when` is false is skipped with output null, and the steps that need it start.
#[test]
fn a_step_whose_condition_is_false_is_skipped_and_counts_as_done() {
    let mut run = Driver::new(
        "
steps:
- {name: a, when: \"input.url != ''\", python: {code: x}}
- {name: b, needs: [a], expr: {value: '${{ steps.a }}'}}",
    );
    let end = run.advance().finish.expect("the run has ended");
    assert_eq!(run.step("a").phase, StepPhase::Skipped);
    assert_eq!(run.step("a").reason, Some(EndReason::WhenFalse));
    assert_eq!(end.output, Some(json!({"b": {"phase": "Skipped", "output": null, "error": null}})));
}

const TWO_ARMS: &str = "
steps:
- {name: bad, python: {code: x}}
- {name: good, python: {code: x}}
- {name: after-bad, needs: [bad], python: {code: x}}
- {name: after-good, needs: [good], python: {code: x}}";

/// After a step has failed, running steps end, no other step starts, and the error of the run names the step.
#[test]
fn a_failure_ends_the_run_when_the_running_steps_have_ended() {
    let mut run = Driver::new(TWO_ARMS);
    run.advance();
    let failed = run.end_step("bad", 1, user_failure("HTTP_404"));
    assert_eq!((started(&failed), &failed.finish), (vec![], &None));
    let end = run.succeed_step("good", json!(1)).finish.expect("the run has ended");
    assert_eq!(end.phase, RunPhase::Failed);
    insta::assert_yaml_snapshot!(end.error);
    assert_eq!(run.step("after-bad").phase, StepPhase::Skipped);
    assert_eq!(run.step("after-bad").reason, Some(EndReason::UpstreamFailed));
    let message = run.step("after-bad").message.clone().unwrap_or_default();
    assert!(message.contains("the step bad,"), "{message}");
    assert_eq!(run.step("after-good").phase, StepPhase::Cancelled);
}

/// The failure of a step with `continueOnError` does not fail the run, and later steps can read its error.
#[test]
fn continue_on_error_continues_the_run_after_a_failure() {
    let mut run = Driver::new("
steps:
- {name: bad, continueOnError: true, python: {code: x}}
- {name: b, needs: [bad], when: \"steps.bad.phase == 'Failed'\", expr: {value: '${{ steps.bad.error.code }}'}}");
    run.advance();
    let end = run.end_step("bad", 1, user_failure("NO")).finish.expect("the run has ended");
    assert_eq!((end.phase, end.output), (RunPhase::Succeeded, Some(json!({"b": "NO"}))));
}

/// A template, schema or URL that is invalid fails the run at once, with an error that names the field.
#[test]
fn failures_of_templates_and_schemas_name_the_field() {
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
        let finish = Driver::new(yaml).advance().finish.expect("the run has ended");
        let error = finish.error.expect("the run has an error");
        format!("{:?} {:?}/{}: {}", error.step, error.kind, error.code, error.message)
    })
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

/// The request of an `http` step is rendered completely, and `http.success` decides whether it succeeded.
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
    insta::assert_debug_snapshot!(advance.start[0].task);
    let ok = |status, body| run.run.http_succeeded("call", status, &BTreeMap::new(), &body);
    assert_eq!(ok(201, json!({"ok": true})), Ok(true));
    assert_eq!(ok(200, json!({"ok": true})), Ok(false));
    assert!(ok(201, json!(null)).is_err());
    let plain = self::run("steps: [{name: h, http: {url: 'http://x.example'}}]");
    assert_eq!(plain.http_succeeded("h", 399, &BTreeMap::new(), &json!(null)), Ok(true));
    assert_eq!(plain.http_succeeded("h", 400, &BTreeMap::new(), &json!(null)), Ok(false));
}

/// Values of environment variables are rendered as text, and null as an empty text.
#[test]
fn environment_variables_are_text() {
    let mut run =
        Driver::new("steps: [{name: a, python: {code: x, env: {N: '${{ input.n }}', E: '${{ null }}'}}}]");
    let advance = run.advance();
    let Task::Python { env, .. } = &advance.start[0].task else { panic!("the task is not a Python task") };
    assert_eq!(
        env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
        [("E", ""), ("N", "5")]
    );
}

/// Returns the same run after it has waited for this number of seconds.
fn run_waited(run: &Run, seconds: u64) -> Run {
    Run::new(run.workflow().clone(), run.data.clone(), time_at(0.0), Duration::from_secs(seconds))
}
