//! The object of a run.

use std::collections::BTreeMap;

use crds::{
    WorkflowRun, WorkflowRunSpec,
    names::digest,
    run::{RunTrigger, TriggerKind, WorkflowRef},
};
use kube::api::ObjectMeta;

use super::start::Start;
use crate::store::{Tenant, Workflow};

/// The fingerprint of the request that created a run: tells a retry from another request that came to its name.
pub(super) const REQUEST_ANNOTATION: &str = "smbcopilot.dev/request";
const FINGERPRINT_DIGITS: usize = 32;

/// The run as it is sent to Kubernetes.
pub(super) fn run(tenant: &Tenant, workflow: &Workflow, start: Start) -> WorkflowRun {
    let fingerprint = fingerprint(&start);
    let Start { workflow: _, input, priority, name, requested_by } = start;
    WorkflowRun {
        metadata: ObjectMeta {
            name: Some(name.of_workflow(&workflow.name)),
            namespace: Some(tenant.namespace.clone()),
            annotations: Some(BTreeMap::from([(REQUEST_ANNOTATION.to_owned(), fingerprint)])),
            ..ObjectMeta::default()
        },
        spec: WorkflowRunSpec {
            workflow_ref: WorkflowRef { name: workflow.name.clone() },
            input: Some(input),
            trigger: Some(RunTrigger { kind: TriggerKind::Api, by: Some(requested_by), parent: None }),
            priority,
            reuse: None,
            cancel: None,
            decisions: Vec::new(),
        },
        status: None,
    }
}

/// Who wants what: the name says for which key.
fn fingerprint(start: &Start) -> String {
    let Start { workflow, input, priority, name: _, requested_by } = start;
    let priority = priority.unwrap_or_default().to_string();
    digest(&[&workflow.to_string(), &input.to_string(), &priority, requested_by], FINGERPRINT_DIGITS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::app::runs::RunName;

    fn start(input: serde_json::Value) -> Start {
        Start {
            workflow: Uuid::from_u128(1),
            input,
            priority: None,
            name: RunName::of_request(Uuid::from_u128(2)),
            requested_by: "anna@acme.example".to_owned(),
        }
    }

    /// A retry is refused as another request, or another request gets a run that it did not ask for.
    #[test]
    fn the_fingerprint_tells_requests_apart() {
        let one = fingerprint(&start(json!({"b": 1, "a": 2})));
        assert_eq!(fingerprint(&start(json!({"a": 2, "b": 1}))), one);
        assert_ne!(fingerprint(&start(json!({"a": 2, "b": 2}))), one);
    }
}
