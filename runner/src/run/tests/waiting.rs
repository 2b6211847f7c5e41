//! Runs that wait: for people, for time, and for other runs.

use crds::{
    labels::PARENT,
    run::{Cancel, RunPhase, StepPhase, TriggerKind, WaitingFor},
    workflow::ErrorKind,
};
use serde_json::json;

use super::{
    error_of,
    memory::{Fault, Memory, RUN},
    pod::Pod,
    step,
};
use crate::run::Left;

fn phase(memory: &Memory) -> RunPhase {
    memory.run().status.unwrap().phase.unwrap()
}

/// A run that waits for a person holds a pod for days, or does not go on when the person has decided.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_gives_the_pod_back_and_goes_on_in_another_one() {
    let spec = r#"
steps:
- {name: ask, approval: {message: "Pay ${{ input.sum }}?"}}
- {name: pay, needs: [ask], expr: {value: "${{ steps.ask.output.by }}"}}
output: "${{ steps.pay.output }}"
"#;
    let memory = Memory::new(spec, &json!({"sum": 7}));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Suspended);
    let status = memory.run().status.unwrap();
    assert_eq!(status.phase, Some(RunPhase::Suspended));
    assert!(status.runner.is_none() && status.suspended_at.is_some() && status.wake_at.is_some());
    let waiting = step(&memory.run(), "ask").waiting.unwrap();
    assert_eq!((waiting.reason, waiting.message.as_deref()), (WaitingFor::Approval, Some("Pay 7?")));
    assert_eq!(memory.writes(), 1, "what is asked and that nobody holds it are one write");

    // For nothing.
    assert_eq!(Pod::start(&memory, "pod-b").left().await, Left::Suspended);
    memory.change(|run| run["spec"]["decisions"] = json!([{"key": "ask", "approved": true, "by": "anna"}]));
    assert_eq!(Pod::start(&memory, "pod-c").left().await, Left::Finished);
    let status = memory.run().status.unwrap();
    assert_eq!((status.phase, status.output), (Some(RunPhase::Succeeded), Some(json!("anna"))));
    assert!(status.suspended_at.is_none() && status.wake_at.is_none());
    assert!(status.waited_seconds.unwrap() >= 1, "time for people is counted, rounded up");
}

/// A decision that is made while the run is still held is found only when the pod has left.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_heard_while_another_step_runs() {
    let dir = std::env::temp_dir().join(format!("smb-decision-{}", telemetry::ids::uuid_v7()));
    let code = "import os, time\ndef run(i, c):\n  while not os.path.exists(i): time.sleep(0.01)";
    let spec = json!({"steps": [
        {"name": "ask", "approval": {"message": "Go?"}},
        {"name": "busy", "with": "${{ input.dir }}", "python": {"code": code}},
        {"name": "then", "needs": ["ask"], "with": "${{ input.dir }}",
         "python": {"code": "import os\ndef run(i, c): os.makedirs(i)"}},
    ]});
    let memory = Memory::new(&spec.to_string(), &json!({"dir": dir}));
    let pod = Pod::start(&memory, "pod-a");
    memory.until(|run| step(run, "ask").phase == StepPhase::Suspended).await;
    memory.change(|run| run["spec"]["decisions"] = json!([{"key": "ask", "approved": true}]));
    assert_eq!(pod.left().await, Left::Finished);
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

/// A sub-run is made twice, without its input, or by somebody else; or its parent never goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_sub_run_is_made_once_and_its_end_lets_the_parent_go_on() {
    let memory = Memory::new(CALL, &json!({"n": 1}));
    // The write of the intent passes, then the creation fails, and then its answer is lost.
    memory.fail_creations(&[Fault::Down, Fault::AnswerLost]);
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Suspended);
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
    assert_eq!((child.spec.workflow_ref.name.as_str(), child.spec.input), ("other", Some(json!({"n": 1}))));
    let status = memory.run().status.unwrap();
    assert!(status.suspended_at.is_none(), "time for other runs counts");

    memory.end_child(&names[0], &json!({"phase": "Succeeded", "output": {"n": 41}}));
    assert_eq!(Pod::start(&memory, "pod-b").left().await, Left::Finished);
    assert_eq!(memory.run().status.unwrap().output, Some(json!(42)));
}

/// A failure of a sub-run is not its parent's, or a deleted one is waited for in vain.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sub_run_fails_its_step_and_a_deleted_one_is_made_again() {
    let memory = Memory::new(CALL, &json!({"n": 1}));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Suspended);
    let first = memory.child_names().remove(0);
    memory.delete_child(&first);
    let mut left = Pod::start(&memory, "pod-b").left().await;
    while memory.child_names().is_empty() {
        // The backoff before the second attempt may be long enough to give the pod back.
        assert_eq!(left, Left::Suspended);
        left = Pod::start(&memory, "pod-c").left().await;
    }
    let second = memory.child_names().remove(0);
    assert_ne!(first, second);
    let error = json!({"step": "x", "kind": "User", "code": "HTTP_404", "message": "not there"});
    memory.end_child(&second, &json!({"phase": "Failed", "error": error}));
    assert_eq!(Pod::start(&memory, "pod-d").left().await, Left::Finished);
    let (phase, kind, ..) = error_of(&memory.run());
    assert_eq!((phase, kind), (RunPhase::Failed, ErrorKind::User));
}

/// A cancelled run leaves its sub-runs running.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_goes_down_and_the_end_comes_up() {
    let memory = Memory::new(CALL, &json!({"n": 1}));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Suspended);
    let name = memory.child_names().remove(0);
    memory.change(|run| run["spec"]["cancel"] = json!("Now"));
    let left = Pod::start(&memory, "pod-b").left().await;
    assert_eq!(memory.child(&name).unwrap().spec.cancel, Some(Cancel::Now));
    if left == Left::Suspended {
        memory.end_child(&name, &json!({"phase": "Cancelled"}));
        assert_eq!(Pod::start(&memory, "pod-c").left().await, Left::Finished);
    }
    assert_eq!(phase(&memory), RunPhase::Cancelled);
}

/// The end of a sub-run is heard only when nothing else holds the run any more.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_sub_run_is_heard_while_another_step_runs() {
    let dir = std::env::temp_dir().join(format!("smb-child-{}", telemetry::ids::uuid_v7()));
    let code = "import os, time\ndef run(i, c):\n  while not os.path.exists(i): time.sleep(0.01)";
    let spec = json!({"steps": [
        {"name": "call", "workflow": {"name": "other"}},
        {"name": "busy", "with": "${{ input.dir }}", "python": {"code": code}},
        {"name": "then", "needs": ["call"], "with": "${{ input.dir }}",
         "python": {"code": "import os\ndef run(i, c): os.makedirs(i)"}},
    ]});
    let memory = Memory::new(&spec.to_string(), &json!({"dir": dir}));
    let pod = Pod::start(&memory, "pod-a");
    memory.until(|run| step(run, "call").phase == StepPhase::Suspended).await;
    memory.end_child(&memory.child_names()[0], &json!({"phase": "Succeeded"}));
    assert_eq!(pod.left().await, Left::Finished);
    assert_eq!(phase(&memory), RunPhase::Succeeded);
    std::fs::remove_dir_all(dir).unwrap();
}

/// A fan-out of many short items writes a status for each, and fills the cluster's database.
#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_writes_ten_times_a_second_at_most_and_keeps_the_order() {
    let spec = r#"
steps:
- name: each
  forEach: {items: "${{ input.lines }}", maxParallel: 20}
  with: {line: "${{ item }}"}
  python: {code: "def run(i, c): return i['line'] * 2"}
output: "${{ steps.each.output }}"
"#;
    let memory = Memory::new(spec, &json!({"lines": (0..100).collect::<Vec<u32>>()}));
    let since = tokio::time::Instant::now();
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let status = memory.run().status.unwrap();
    assert_eq!(status.output, Some(json!((0..100).map(|n| n * 2).collect::<Vec<u32>>())));
    let bound = since.elapsed().as_millis() / 100 + 3;
    assert!(u128::try_from(memory.writes()).unwrap() <= bound, "{} writes, {bound}", memory.writes());
}

/// What has to be tidied up after a failure is not.
#[tokio::test(flavor = "multi_thread")]
async fn on_exit_runs_after_a_failure_and_the_failure_stays() {
    let spec = r#"
steps:
- {name: fails, python: {code: "def run(i, c): raise ValueError('no')"}}
onExit:
- name: tidy
  with: {phase: "${{ outcome.phase }}"}
  python: {code: "def run(i, c): return i['phase']"}
"#;
    let memory = Memory::new(spec, &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let (phase, _, code, _) = error_of(&memory.run());
    assert_eq!((phase, code.as_str()), (RunPhase::Failed, "PYTHON_EXCEPTION"));
    assert_eq!(step(&memory.run(), "tidy").output, Some(json!("Failed")));
    assert!(memory.run().status.unwrap().ending.is_none());
}
