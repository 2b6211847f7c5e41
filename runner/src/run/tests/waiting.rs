//! Runs that wait for decisions, times and sub-runs.

use crds::{
    labels::{PARENT, TRACEPARENT},
    run::{Cancel, RunPhase, StepPhase, TriggerKind, WaitingFor},
    workflow::ErrorKind,
};
use serde_json::json;
use telemetry::trace::TraceContext;

use super::{
    error_of_run,
    memory_cluster::{Fault, MemoryCluster, RUN, TRACE},
    pod::Pod,
    step,
};
use crate::run::exit::RunExit;

fn phase(memory: &MemoryCluster) -> RunPhase {
    memory.run().status.unwrap().phase.unwrap()
}

/// A run that waits for an approval releases its pod, and continues in another one after the decision.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_releases_the_pod_and_continues_in_another_one() {
    let spec = r#"
steps:
- {name: ask, approval: {message: "Pay ${{ input.sum }}?"}}
- {name: pay, needs: [ask], expr: {value: "${{ steps.ask.output.by }}"}}
output: "${{ steps.pay.output }}"
"#;
    let memory = MemoryCluster::new(spec, &json!({"sum": 7}));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Suspended);
    let status = memory.run().status.unwrap();
    assert_eq!(status.phase, Some(RunPhase::Suspended));
    assert!(status.runner.is_none() && status.suspended_at.is_some() && status.wake_at.is_some());
    let waiting = step(&memory.run(), "ask").waiting.unwrap();
    assert_eq!((waiting.reason, waiting.message.as_deref()), (WaitingFor::Approval, Some("Pay 7?")));
    assert_eq!(memory.writes(), 1, "the request for approval and the release are one write");

    // Without a decision, another pod suspends the run again.
    assert_eq!(Pod::start(&memory, "pod-b").exit().await, RunExit::Suspended);
    memory.change(|run| run["spec"]["decisions"] = json!([{"key": "ask", "approved": true, "by": "anna"}]));
    assert_eq!(Pod::start(&memory, "pod-c").exit().await, RunExit::Finished);
    let status = memory.run().status.unwrap();
    assert_eq!((status.phase, status.output), (Some(RunPhase::Succeeded), Some(json!("anna"))));
    assert!(status.suspended_at.is_none() && status.wake_at.is_none());
    assert!(
        status.waited_seconds.unwrap() >= 1,
        "the time spent waiting for a decision is counted, rounded up"
    );
}

/// A decision takes effect while another step of the run is still running.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_takes_effect_while_another_step_runs() {
    let dir = std::env::temp_dir().join(format!("smb-decision-{}", telemetry::ids::uuid_v7()));
    let code = "import os, time\ndef run(i, c):\n  while not os.path.exists(i): time.sleep(0.01)";
    let spec = json!({"steps": [
        {"name": "ask", "approval": {"message": "Go?"}},
        {"name": "busy", "with": "${{ input.dir }}", "python": {"code": code}},
        {"name": "then", "needs": ["ask"], "with": "${{ input.dir }}",
         "python": {"code": "import os\ndef run(i, c): os.makedirs(i)"}},
    ]});
    let memory = MemoryCluster::new(&spec.to_string(), &json!({"dir": dir}));
    let pod = Pod::start(&memory, "pod-a");
    memory.wait_until(|run| step(run, "ask").phase == StepPhase::Suspended).await;
    memory.change(|run| run["spec"]["decisions"] = json!([{"key": "ask", "approved": true}]));
    assert_eq!(pod.exit().await, RunExit::Finished);
    assert_eq!(phase(&memory), RunPhase::Succeeded);
    std::fs::remove_dir_all(dir).unwrap();
}

const CALL: &str = r#"
steps:
- name: call
  with: {n: "${{ input.n }}"}
  workflow: {name: other}
- {name: after, needs: [call], expr: {value: "${{ steps.call.output.n + 1 }}"}}
output: "${{ steps.after.output }}"
"#;

/// A sub-run is created once, with its input and parent, and its end continues the parent.
#[tokio::test(flavor = "multi_thread")]
async fn a_sub_run_is_created_once_and_its_end_continues_the_parent() {
    let memory = MemoryCluster::new(CALL, &json!({"n": 1}));
    // The write of the intent succeeds; then the first creation fails, and the response to the second is lost.
    memory.fail_creations(&[Fault::Unavailable, Fault::ResponseLost]);
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Suspended);
    let names = memory.child_names();
    assert_eq!(names.len(), 1, "{names:?}");
    let child = memory.child(&names[0]).unwrap();
    let trigger = child.spec.trigger.clone().unwrap();
    let parent = trigger.parent.unwrap();
    let uid = memory.run().metadata.uid.unwrap();
    assert_eq!(
        (trigger.kind, parent.name.as_str(), parent.step.as_str()),
        (TriggerKind::Workflow, RUN, "call")
    );
    assert_eq!((&parent.uid, parent.depth), (&uid, 1));
    assert_eq!(child.metadata.labels.unwrap().get(PARENT).map(String::as_str), Some(RUN));
    let traceparent = child.metadata.annotations.unwrap().remove(TRACEPARENT).unwrap();
    let trace = TraceContext::parse(&traceparent).unwrap().trace_id();
    assert_eq!(trace, TRACE, "the sub-run continues the trace of its parent");
    assert_eq!((child.spec.workflow_ref.name.as_str(), child.spec.input), ("other", Some(json!({"n": 1}))));
    let status = memory.run().status.unwrap();
    assert!(status.suspended_at.is_none(), "time spent waiting for sub-runs counts towards the timeout");

    memory.end_child(&names[0], &json!({"phase": "Succeeded", "output": {"n": 41}}));
    assert_eq!(Pod::start(&memory, "pod-b").exit().await, RunExit::Finished);
    assert_eq!(memory.run().status.unwrap().output, Some(json!(42)));
}

/// A failed sub-run fails the step that started it, and a deleted one is created again.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sub_run_fails_its_step_and_a_deleted_one_is_recreated() {
    let memory = MemoryCluster::new(CALL, &json!({"n": 1}));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Suspended);
    let first = memory.child_names().remove(0);
    memory.delete_child(&first);
    let mut exit = Pod::start(&memory, "pod-b").exit().await;
    while memory.child_names().is_empty() {
        // The backoff before the second attempt may be long enough for a suspension.
        assert_eq!(exit, RunExit::Suspended);
        exit = Pod::start(&memory, "pod-c").exit().await;
    }
    let second = memory.child_names().remove(0);
    assert_ne!(first, second);
    let error = json!({"step": "x", "kind": "User", "code": "HTTP_404", "message": "not there"});
    memory.end_child(&second, &json!({"phase": "Failed", "error": error}));
    assert_eq!(Pod::start(&memory, "pod-d").exit().await, RunExit::Finished);
    let (phase, kind, ..) = error_of_run(&memory.run());
    assert_eq!((phase, kind), (RunPhase::Failed, ErrorKind::User));
}

/// Cancelling a run cancels its sub-runs, and the run ends once they have ended.
#[tokio::test(flavor = "multi_thread")]
async fn cancellation_propagates_to_sub_runs_and_their_end_to_the_parent() {
    let memory = MemoryCluster::new(CALL, &json!({"n": 1}));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Suspended);
    let name = memory.child_names().remove(0);
    memory.change(|run| run["spec"]["cancel"] = json!("Now"));
    let exit = Pod::start(&memory, "pod-b").exit().await;
    assert_eq!(memory.child(&name).unwrap().spec.cancel, Some(Cancel::Now));
    if exit == RunExit::Suspended {
        memory.end_child(&name, &json!({"phase": "Cancelled"}));
        assert_eq!(Pod::start(&memory, "pod-c").exit().await, RunExit::Finished);
    }
    assert_eq!(phase(&memory), RunPhase::Cancelled);
}

/// The end of a sub-run takes effect while another step of the parent is still running.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_sub_run_takes_effect_while_another_step_runs() {
    let dir = std::env::temp_dir().join(format!("smb-child-{}", telemetry::ids::uuid_v7()));
    let code = "import os, time\ndef run(i, c):\n  while not os.path.exists(i): time.sleep(0.01)";
    let spec = json!({"steps": [
        {"name": "call", "workflow": {"name": "other"}},
        {"name": "busy", "with": "${{ input.dir }}", "python": {"code": code}},
        {"name": "then", "needs": ["call"], "with": "${{ input.dir }}",
         "python": {"code": "import os\ndef run(i, c): os.makedirs(i)"}},
    ]});
    let memory = MemoryCluster::new(&spec.to_string(), &json!({"dir": dir}));
    let pod = Pod::start(&memory, "pod-a");
    memory.wait_until(|run| step(run, "call").phase == StepPhase::Suspended).await;
    memory.end_child(&memory.child_names()[0], &json!({"phase": "Succeeded"}));
    assert_eq!(pod.exit().await, RunExit::Finished);
    assert_eq!(phase(&memory), RunPhase::Succeeded);
    std::fs::remove_dir_all(dir).unwrap();
}

/// A fan-out writes its status at most ten times a second, and its outputs have the order of its items.
#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_writes_at_most_ten_times_a_second_and_preserves_order() {
    let spec = r#"
steps:
- name: each
  forEach: {items: "${{ input.lines }}", maxParallel: 20}
  with: {line: "${{ item }}"}
  python: {code: "def run(i, c): return i['line'] * 2"}
output: "${{ steps.each.output }}"
"#;
    let memory = MemoryCluster::new(spec, &json!({"lines": (0..100).collect::<Vec<u32>>()}));
    let since = tokio::time::Instant::now();
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let status = memory.run().status.unwrap();
    assert_eq!(status.output, Some(json!((0..100).map(|n| n * 2).collect::<Vec<u32>>())));
    let bound = since.elapsed().as_millis() / 100 + 3;
    assert!(u128::try_from(memory.writes()).unwrap() <= bound, "{} writes, {bound}", memory.writes());
}

/// The `onExit` steps run after a failure, and the run still ends with that failure.
#[tokio::test(flavor = "multi_thread")]
async fn on_exit_steps_run_after_a_failure_and_preserve_it() {
    let spec = r#"
steps:
- {name: fails, python: {code: "def run(i, c): raise ValueError('no')"}}
onExit:
- name: tidy
  with: {phase: "${{ outcome.phase }}"}
  python: {code: "def run(i, c): return i['phase']"}
"#;
    let memory = MemoryCluster::new(spec, &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let (phase, _, code, _) = error_of_run(&memory.run());
    assert_eq!((phase, code.as_str()), (RunPhase::Failed, "PYTHON_EXCEPTION"));
    assert_eq!(step(&memory.run(), "tidy").output, Some(json!("Failed")));
    assert!(memory.run().status.unwrap().ending.is_none());
}
