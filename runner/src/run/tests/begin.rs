//! First write of a runner, by which it begins to execute a run.

use crds::run::RunPhase;
use serde_json::json;

use super::{Fault, MemoryCluster, Pod, RunExit, conditions};

/// With its first write a runner sets the start of the run, and removes why the run waited. A later runner keeps the start.
#[tokio::test]
async fn the_first_write_begins_the_run() {
    let memory = MemoryCluster::new("steps: [{name: ask, approval: {message: ok?}}]", &json!({}));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Suspended);
    let status = memory.run().status.unwrap();
    let started = status.started_at.clone().unwrap();
    assert_eq!((status.phase, &status.queue), (Some(RunPhase::Suspended), &None));
    for kind in [conditions::SUCCEEDED, conditions::RECONCILING] {
        assert_eq!(conditions::get(&status.conditions, kind).unwrap().reason, "Suspended", "{kind}");
    }
    assert_eq!(Pod::start(&memory, "pod-b").exit().await, RunExit::Suspended);
    let status = memory.run().status.unwrap();
    assert_eq!((status.started_at, status.queue), (Some(started), None));
}

/// A run that the operator has ended before the first write of its runner is not executed.
#[tokio::test]
async fn a_run_that_has_ended_before_the_first_write_is_not_executed() {
    let memory = MemoryCluster::new("steps: [{name: one, expr: {value: 1}}]", &json!({}));
    memory.fail_next(&[Fault::EndedByOperator]);
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Lost);
    assert_eq!(memory.writes(), 0);
    assert_eq!(memory.run().status.unwrap().started_at, None);
}
