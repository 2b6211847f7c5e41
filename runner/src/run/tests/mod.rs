//! Runs in pods with a real step host and a real interpreter; the API server alone is in memory.

mod memory;
mod outside;
mod pod;
mod waiting;

use crds::{
    WorkflowRun,
    conditions::{self, SUCCEEDED},
    run::{RunPhase, StepPhase, StepStatus},
    workflow::ErrorKind,
};
use memory::{Fault, Memory};
use pod::Pod;
use serde_json::json;

use crate::run::Left;

fn step(run: &WorkflowRun, name: &str) -> StepStatus {
    let steps = run.status.as_ref().map(|status| status.steps.clone()).unwrap_or_default();
    steps.into_iter().find(|step| step.name == name).unwrap_or_default()
}

fn error_of(run: &WorkflowRun) -> (RunPhase, ErrorKind, String, String) {
    let status = run.status.clone().unwrap();
    let error = status.error.unwrap();
    (status.phase.unwrap(), error.kind, error.code, error.message)
}

/// Appends to a file what it is told, and waits while the file `hold` is there.
const TRACE: &str = r#"
- name: first
  with: {dir: "${{ input.dir }}"}
  python:
    code: |
      def run(input, ctx):
          open(input["dir"] + "/first", "a").write(f"{ctx.attempt}\n")
          return {"n": 1, "nothing": None}
- name: second
  needs: [first]
  with: {dir: "${{ input.dir }}", n: "${{ steps.first.output.n }}"}
  python:
    code: |
      import os, time
      def run(input, ctx):
          open(input["dir"] + "/second", "a").write(f"{ctx.attempt}\n")
          while os.path.exists(input["dir"] + "/hold"): time.sleep(0.01)
          return input["n"] + 1
- name: third
  needs: [second]
  expr: {value: {sum: "${{ steps.first.output.n + steps.second.output }}"}}
"#;

/// Three steps that leave traces in a directory of their own.
struct Trace {
    memory: Memory,
    dir: std::path::PathBuf,
}

impl Trace {
    fn new(extra: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("smb-trace-{}", telemetry::ids::uuid_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let spec = format!("steps:{TRACE}\noutput: \"${{{{ steps.third.output }}}}\"\n{extra}");
        Self { memory: Memory::new(&spec, &json!({"dir": dir})), dir }
    }

    fn held(extra: &str) -> Self {
        let trace = Self::new(extra);
        std::fs::write(trace.dir.join("hold"), "").unwrap();
        trace
    }

    fn release(&self) {
        std::fs::remove_file(self.dir.join("hold")).unwrap();
    }

    /// The attempts that really ran.
    fn ran(&self, step: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.join(step)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the second step's code runs.
    async fn in_second(&self, attempts: usize) {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.ran("second").len() < attempts {
            assert!(tokio::time::Instant::now() < until, "the second step did not begin");
            tokio::task::yield_now().await;
        }
    }

    fn assert_done(&self) {
        let run = self.memory.run();
        let status = run.status.clone().unwrap();
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
        assert_eq!(status.output, Some(json!({"sum": 3})));
        assert_eq!(step(&run, "first").output, Some(json!({"n": 1, "nothing": null})));
        assert!(conditions::is_true(&status.conditions, SUCCEEDED));
        assert!(status.finished_at.is_some() && status.duration.is_some() && status.error.is_none());
        assert_eq!(self.ran("first"), ["1"], "the first step ran once");
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A run does not come to its end, or costs more writes than an advance of its graph is worth.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_through_its_steps_with_one_write_an_advance() {
    let trace = Trace::new("");
    assert_eq!(Pod::start(&trace.memory, "pod-a").left().await, Left::Finished);
    trace.assert_done();
    // first's intent; first's end and second's intent; all the rest.
    assert_eq!(trace.memory.writes(), 3);
}

/// A lost pod makes done steps run again, or the run fail.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_pod_goes_on_after_the_last_completed_step() {
    let trace = Trace::held("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.in_second(1).await;
    pod.lose().await;
    trace.release();
    assert_eq!(Pod::start(&trace.memory, "pod-b").left().await, Left::Finished);
    trace.assert_done();
    assert_eq!(trace.ran("second"), ["1", "2"]);
    assert_eq!(step(&trace.memory.run(), "second").attempt, Some(2));
}

/// A pod whose run was given away writes on, or goes on with its side effects.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_loses_its_run_stops_and_writes_nothing() {
    let trace = Trace::held("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.in_second(1).await;
    let writes = trace.memory.writes();
    trace.memory.change(|run| run["status"]["runner"] = json!({"podUid": "pod-b"}));
    assert_eq!(pod.left().await, Left::Lost);
    assert_eq!(trace.memory.writes(), writes);
}

/// A node that is drained costs the run an attempt although its step could have ended.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_the_running_step_end_and_gives_the_run_back() {
    let trace = Trace::held("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.in_second(1).await;
    pod.stop.cancel();
    trace.release();
    // Only an expression is left after the step: it is done on the way out.
    assert_eq!(pod.left().await, Left::Finished);
    trace.assert_done();

    let chain = TRACE.replace("name: third", "name: fourth").replace("needs: [second]", "needs: [wait]");
    let spec = format!(
        "steps:{chain}\n- name: wait\n  needs: [second]\n  python: {{code: \"def run(i, c): return 0\"}}\n"
    );
    let more = Trace { memory: Memory::new(&spec, &json!({"dir": trace.dir})), dir: trace.dir.join("more") };
    std::fs::write(trace.dir.join("hold"), "").unwrap();
    let pod = Pod::start(&more.memory, "pod-a");
    trace.in_second(2).await;
    pod.stop.cancel();
    trace.release();
    assert_eq!(pod.left().await, Left::HandedBack);
    let run = more.memory.run();
    assert_eq!(run.status.as_ref().unwrap().runner, None);
    assert_eq!(step(&run, "second").phase, StepPhase::Succeeded);
    assert_eq!(step(&run, "wait").phase, StepPhase::Pending);
    assert_eq!(Pod::start(&more.memory, "pod-b").left().await, Left::Finished);
    assert_eq!(step(&more.memory.run(), "wait").attempt, Some(1));
}

/// A pod that is deleted goes on with a step that its successor repeats already.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_pod_stops_its_steps_when_the_run_is_given_away() {
    let trace = Trace::held("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.in_second(1).await;
    let (writes, since) = (trace.memory.writes(), tokio::time::Instant::now());
    pod.stop.cancel();
    trace.memory.change(|run| run["status"]["runner"] = json!({"podUid": "pod-b"}));
    assert_eq!(pod.left().await, Left::Lost);
    assert_eq!(trace.memory.writes(), writes);
    assert!(since.elapsed().as_secs() < 8, "it did not wait for the step");
}

/// A user's cancel is ignored until the step is done, or for ever.
#[tokio::test(flavor = "multi_thread")]
async fn cancel_now_ends_the_running_step_and_the_run() {
    let trace = Trace::held("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.in_second(1).await;
    trace.memory.change(|run| run["spec"]["cancel"] = json!("Now"));
    assert_eq!(pod.left().await, Left::Finished);
    let run = trace.memory.run();
    assert_eq!(error_of(&run).0, RunPhase::Cancelled);
    assert_eq!(step(&run, "second").phase, StepPhase::Cancelled);
}

/// An API server that restarts, or other writers, make a run fail or a step run twice.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_or_are_overtaken_are_repeated() {
    let trace = Trace::new("");
    trace.memory.fail_next(&[
        Fault::Down,
        Fault::Down,
        Fault::Overtaken,
        Fault::AnswerLost,
        Fault::AnswerLost,
        Fault::Down,
    ]);
    assert_eq!(Pod::start(&trace.memory, "pod-a").left().await, Left::Finished);
    trace.assert_done();
    assert_eq!(trace.ran("second"), ["1"]);
}

/// Runs one step to the run's end.
async fn run_step(step: &str) -> WorkflowRun {
    let memory = Memory::new(&format!("steps:\n- name: only\n{step}"), &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    memory.run()
}

/// A step's exception is told as something else, or without its place.
#[tokio::test(flavor = "multi_thread")]
async fn an_exception_fails_the_run_with_its_type_and_traceback() {
    let run = run_step("  python: {code: \"def run(i, c): return {}['sku']\"}").await;
    let (phase, kind, code, message) = error_of(&run);
    assert_eq!((phase, kind, code.as_str()), (RunPhase::Failed, ErrorKind::User, "PYTHON_EXCEPTION"));
    assert_eq!(message, "KeyError: 'sku'");
    let details = step(&run, "only").error.unwrap().details.unwrap();
    assert!(details["traceback"].as_str().unwrap().contains("step.py\", line 1, in run"), "{details}");
}

/// A step that hangs holds its run for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_beyond_its_time_is_killed() {
    let run =
        run_step("  attemptTimeout: 300ms\n  python: {code: \"def run(i, c):\\n  while True: pass\"}").await;
    let (phase, kind, code, _) = error_of(&run);
    assert_eq!((phase, kind, code.as_str()), (RunPhase::Failed, ErrorKind::Timeout, "ATTEMPT_TIMEOUT"));
}

/// A step that would heal is given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_heals_on_the_third_attempt_succeeds() {
    let retry = "  retry: {attempts: 3, on: [User], backoff: {initial: 20ms}}\n";
    let code = "  python: {code: \"def run(i, c): return 1 // (c.attempt // 3)\"}";
    let run = run_step(&format!("{retry}{code}")).await;
    assert_eq!(run.status.clone().unwrap().phase, Some(RunPhase::Succeeded));
    assert_eq!(step(&run, "only").attempt, Some(3));
}

/// An output that does not fit makes the object too large to be written at all.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_beyond_the_limit_is_refused_with_both_numbers() {
    let run = run_step("  python: {code: \"def run(i, c): return 'x' * 20000\"}").await;
    let (_, kind, code, message) = error_of(&run);
    assert_eq!((kind, code.as_str()), (ErrorKind::User, "OUTPUT_TOO_LARGE"));
    assert!(message.contains("20002") && message.contains("16384"), "{message}");
}

/// A request to the cloud's metadata service goes out.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_what_the_plan_does_not_name_is_denied() {
    let run = run_step("  http: {url: \"http://169.254.169.254/latest/meta-data\"}").await;
    let (_, kind, code, _) = error_of(&run);
    assert_eq!((kind, code.as_str()), (ErrorKind::Policy, "EGRESS_DENIED"));
}

/// A run that cannot be executed is handed from pod to pod.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_with_problems_fails_the_run_and_names_them() {
    let memory = Memory::new("steps:\n- {name: only, when: \"input.(\", expr: {value: 1}}", &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let (_, _, code, message) = error_of(&memory.run());
    assert_eq!(code, "WORKFLOW_INVALID");
    assert!(message.contains("spec.steps[0].when"), "{message}");
}
