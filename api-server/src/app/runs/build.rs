//! The WorkflowRun object of a new run.

use std::collections::BTreeMap;

use crds::{
    WorkflowRun, WorkflowRunSpec,
    labels::TRACEPARENT,
    run::{Reuse, RunTrigger, TriggerKind, WorkflowRef},
};
use kube::api::ObjectMeta;
use serde_json::Value;

use super::name::RunName;
use crate::store::{TenantToWrite, Workflow};

/// Properties of a new run.
#[derive(Clone, Debug)]
pub(super) struct NewRun {
    pub(super) input: Value,
    pub(super) priority: Option<i32>,
    pub(super) name: RunName,
    pub(super) trigger: TriggerKind,
    pub(super) requested_by: String,
    pub(super) reuse: Option<Reuse>,
    /// Position of the request in its trace, which the runner continues.
    pub(super) traceparent: Option<String>,
}

/// Builds the object that is created in Kubernetes.
pub(super) fn run(tenant: &TenantToWrite, workflow: &Workflow, new_run: NewRun) -> WorkflowRun {
    let NewRun { input, priority, name, trigger, requested_by, reuse, traceparent } = new_run;
    WorkflowRun {
        metadata: ObjectMeta {
            name: Some(name.for_workflow(workflow)),
            namespace: Some(tenant.namespace.clone()),
            annotations: traceparent
                .map(|traceparent| BTreeMap::from([(TRACEPARENT.to_owned(), traceparent)])),
            ..ObjectMeta::default()
        },
        spec: WorkflowRunSpec {
            workflow_ref: WorkflowRef { name: workflow.name.clone() },
            input: Some(input),
            trigger: Some(RunTrigger { kind: trigger, by: Some(requested_by), parent: None }),
            priority,
            reuse,
            cancel: None,
            decisions: Vec::new(),
        },
        status: None,
    }
}
