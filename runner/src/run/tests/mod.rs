//! Runs in pods with real step hosts and a real interpreter. Only the API server is an in-memory implementation.

mod begin;
mod memory_cluster;
mod next_run;
mod pod;
mod reset;
mod secrets_and_outputs;
mod size;
mod waiting;

use crds::{
    WorkflowRun,
    conditions::{self, SUCCEEDED},
    run::{RunPhase, StepPhase, StepStatus},
    workflow::ErrorKind,
};
use memory_cluster::{Fault, MemoryCluster};
use pod::Pod;
use serde_json::json;

use crate::run::exit::RunExit;

/// Returns the status of a step.
fn step(run: &WorkflowRun, name: &str) -> StepStatus {
    let steps = run.status.as_ref().map(|status| status.steps.clone()).unwrap_or_default();
    steps.into_iter().find(|step| step.name == name).unwrap_or_default()
}

/// Returns phase, error class, error code and message of a failed run.
fn error_of_run(run: &WorkflowRun) -> (RunPhase, ErrorKind, String, String) {
    let status = run.status.clone().unwrap();
    let error = status.error.unwrap();
    (status.phase.unwrap(), error.kind, error.code, error.message)
}

/// Steps that append the number of their attempt to a file. The second one runs while the file `hold` exists.
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

/// Run of the three steps of [`TRACE`] in a directory of its own.
struct TracedRun {
    memory: MemoryCluster,
    dir: std::path::PathBuf,
}

impl TracedRun {
    fn new(extra: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("smb-trace-{}", telemetry::ids::uuid_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let spec = format!("steps:{TRACE}\noutput: \"${{{{ steps.third.output }}}}\"\n{extra}");
        Self { memory: MemoryCluster::new(&spec, &json!({"dir": dir})), dir }
    }

    fn with_hold(extra: &str) -> Self {
        let trace = Self::new(extra);
        std::fs::write(trace.dir.join("hold"), "").unwrap();
        trace
    }

    /// Lets the second step end.
    fn release(&self) {
        std::fs::remove_file(self.dir.join("hold")).unwrap();
    }

    /// Returns the numbers of the attempts of a step that were executed.
    fn executed_attempts(&self, step: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.join(step)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until this many attempts of the second step have started.
    async fn wait_for_second_step(&self, attempts: usize) {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.executed_attempts("second").len() < attempts {
            assert!(tokio::time::Instant::now() < until, "the second step did not start in time");
            tokio::task::yield_now().await;
        }
    }

    fn assert_succeeded(&self) {
        let run = self.memory.run();
        let status = run.status.clone().unwrap();
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
        assert_eq!(status.output, Some(json!({"sum": 3})));
        assert_eq!(step(&run, "first").output, Some(json!({"n": 1, "nothing": null})));
        assert!(conditions::is_true(&status.conditions, SUCCEEDED));
        assert!(status.finished_at.is_some() && status.duration.is_some() && status.error.is_none());
        assert_eq!(self.executed_attempts("first"), ["1"], "the first step ran once");
    }
}

impl Drop for TracedRun {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A run executes its steps and writes its status once per advance of its graph.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_executes_its_steps_with_one_write_per_advance() {
    let trace = TracedRun::new("");
    assert_eq!(Pod::start(&trace.memory, "pod-a").exit().await, RunExit::Finished);
    trace.assert_succeeded();
    // The writes are: the intent of `first`; the end of `first` and the intent of `second`; everything else.
    assert_eq!(trace.memory.writes(), 3);
}

/// After the loss of a pod, the next one continues after the last completed step.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_pod_continues_after_the_last_completed_step() {
    let trace = TracedRun::with_hold("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.wait_for_second_step(1).await;
    pod.lose().await;
    trace.release();
    assert_eq!(Pod::start(&trace.memory, "pod-b").exit().await, RunExit::Finished);
    trace.assert_succeeded();
    assert_eq!(trace.executed_attempts("second"), ["1", "2"]);
    assert_eq!(step(&trace.memory.run(), "second").attempt, Some(2));
}

/// A pod whose run is assigned to another pod stops its steps and writes nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_loses_its_run_stops_and_writes_nothing() {
    let trace = TracedRun::with_hold("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.wait_for_second_step(1).await;
    let writes = trace.memory.writes();
    trace.memory.change(|run| run["status"]["runner"] = json!({"podUid": "pod-b"}));
    assert_eq!(pod.exit().await, RunExit::Lost);
    assert_eq!(trace.memory.writes(), writes);
}

/// After SIGTERM the running step may end, so that draining a node costs no attempt, and the run is released.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_the_running_step_end_and_releases_the_run() {
    let trace = TracedRun::with_hold("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.wait_for_second_step(1).await;
    pod.stop.cancel();
    trace.release();
    // After the step only an expression remains, which is evaluated during the hand-over.
    assert_eq!(pod.exit().await, RunExit::Finished);
    trace.assert_succeeded();

    let chain = TRACE.replace("name: third", "name: fourth").replace("needs: [second]", "needs: [wait]");
    let spec = format!(
        "steps:{chain}\n- name: wait\n  needs: [second]\n  python: {{code: \"def run(i, c): return 0\"}}\n"
    );
    let more = TracedRun {
        memory: MemoryCluster::new(&spec, &json!({"dir": trace.dir})),
        dir: trace.dir.join("more"),
    };
    std::fs::write(trace.dir.join("hold"), "").unwrap();
    let pod = Pod::start(&more.memory, "pod-a");
    trace.wait_for_second_step(2).await;
    pod.stop.cancel();
    trace.release();
    assert_eq!(pod.exit().await, RunExit::HandedOver);
    let run = more.memory.run();
    assert_eq!(run.status.as_ref().unwrap().runner, None);
    assert_eq!(step(&run, "second").phase, StepPhase::Succeeded);
    assert_eq!(step(&run, "wait").phase, StepPhase::Pending);
    assert_eq!(Pod::start(&more.memory, "pod-b").exit().await, RunExit::Finished);
    assert_eq!(step(&more.memory.run(), "wait").attempt, Some(1));
}

/// A pod that cannot start a step hands the run over, and the step begins in another pod as its first attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_cannot_start_a_step_hands_the_run_over() {
    let spec = r#"
steps:
- name: cripple
  python:
    code: |
      import os, resource
      def run(input, ctx): resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (7, 7))
- name: next
  needs: [cripple]
  python: {code: "def run(input, ctx): return 1"}
"#;
    let memory = MemoryCluster::new(spec, &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::HandedOver);
    assert_eq!(memory.run().status.unwrap().runner, None);
    assert_eq!(Pod::start(&memory, "pod-b").exit().await, RunExit::Finished);
    assert_eq!(step(&memory.run(), "next").phase, StepPhase::Succeeded);
    assert_eq!(step(&memory.run(), "next").attempt, Some(1));
}

/// A pod that is being deleted stops its steps as soon as the run is assigned to another pod, which repeats them.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_pod_kills_its_steps_when_the_run_is_reassigned() {
    let trace = TracedRun::with_hold("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.wait_for_second_step(1).await;
    let (writes, since) = (trace.memory.writes(), tokio::time::Instant::now());
    pod.stop.cancel();
    trace.memory.change(|run| run["status"]["runner"] = json!({"podUid": "pod-b"}));
    assert_eq!(pod.exit().await, RunExit::Lost);
    assert_eq!(trace.memory.writes(), writes);
    assert!(since.elapsed().as_secs() < 8, "the pod waited for the step");
}

/// A cancellation with `Now` ends the running step and the run.
#[tokio::test(flavor = "multi_thread")]
async fn cancel_now_ends_the_running_step_and_the_run() {
    let trace = TracedRun::with_hold("");
    let pod = Pod::start(&trace.memory, "pod-a");
    trace.wait_for_second_step(1).await;
    trace.memory.change(|run| run["spec"]["cancel"] = json!("Now"));
    assert_eq!(pod.exit().await, RunExit::Finished);
    let run = trace.memory.run();
    assert_eq!(error_of_run(&run).0, RunPhase::Cancelled);
    assert_eq!(step(&run, "second").phase, StepPhase::Cancelled);
}

/// Writes that fail, conflict or lose their response are repeated, and no step is executed twice.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_or_conflict_are_repeated() {
    let trace = TracedRun::new("");
    trace.memory.fail_next(&[
        Fault::Unavailable,
        Fault::Unavailable,
        Fault::Conflict,
        Fault::ResponseLost,
        Fault::ResponseLost,
        Fault::Unavailable,
    ]);
    assert_eq!(Pod::start(&trace.memory, "pod-a").exit().await, RunExit::Finished);
    trace.assert_succeeded();
    assert_eq!(trace.executed_attempts("second"), ["1"]);
}

/// Executes a run with one step and returns it.
async fn run_step(step: &str) -> WorkflowRun {
    let memory = MemoryCluster::new(&format!("steps:\n- name: only\n{step}"), &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    memory.run()
}

/// An exception fails the run with its type, message and traceback.
#[tokio::test(flavor = "multi_thread")]
async fn an_exception_fails_the_run_with_its_type_and_traceback() {
    let run = run_step("  python: {code: \"def run(i, c): return {}['sku']\"}").await;
    let (phase, kind, code, message) = error_of_run(&run);
    assert_eq!((phase, kind, code.as_str()), (RunPhase::Failed, ErrorKind::User, "PYTHON_EXCEPTION"));
    assert_eq!(message, "KeyError: 'sku'");
    let details = step(&run, "only").error.unwrap().details.unwrap();
    assert!(details["traceback"].as_str().unwrap().contains("step.py\", line 1, in run"), "{details}");
}

/// An attempt that exceeds its timeout is killed and reported as a timeout.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_beyond_its_timeout_is_killed() {
    let run =
        run_step("  attemptTimeout: 300ms\n  python: {code: \"def run(i, c):\\n  while True: pass\"}").await;
    let (phase, kind, code, _) = error_of_run(&run);
    assert_eq!((phase, kind, code.as_str()), (RunPhase::Failed, ErrorKind::Timeout, "ATTEMPT_TIMEOUT"));
}

/// A step that fails twice succeeds with its third attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_succeeds_on_the_third_attempt_is_retried() {
    let retry = "  retry: {attempts: 3, kinds: [User], backoff: {initial: 20ms}}\n";
    let code = "  python: {code: \"def run(i, c): return 1 // (c.attempt // 3)\"}";
    let run = run_step(&format!("{retry}{code}")).await;
    assert_eq!(run.status.clone().unwrap().phase, Some(RunPhase::Succeeded));
    assert_eq!(step(&run, "only").attempt, Some(3));
}

/// An output that is too large for the status is refused with its size and the limit.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_beyond_the_limit_is_refused_with_both_numbers() {
    let run = run_step("  python: {code: \"def run(i, c): return 'x' * 20000\"}").await;
    let (_, kind, code, message) = error_of_run(&run);
    assert_eq!((kind, code.as_str()), (ErrorKind::User, "OUTPUT_TOO_LARGE"));
    assert!(message.contains("20002") && message.contains("16384"), "{message}");
}

/// A request to an address outside the plan's egress rules, such as the cloud's metadata service, is denied.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_outside_the_egress_rules_is_denied() {
    let run = run_step("  http: {url: \"http://169.254.169.254/latest/meta-data\"}").await;
    let (_, kind, code, _) = error_of_run(&run);
    assert_eq!((kind, code.as_str()), (ErrorKind::Policy, "EGRESS_DENIED"));
}

/// A run of an invalid revision fails with the problems instead of being passed from pod to pod.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_with_problems_fails_the_run_and_names_them() {
    let memory =
        MemoryCluster::new("steps:\n- {name: only, when: \"input.(\", expr: {value: 1}}", &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let (_, _, code, message) = error_of_run(&memory.run());
    assert_eq!(code, "WORKFLOW_INVALID");
    assert!(message.contains("spec.steps[0].when"), "{message}");
}
