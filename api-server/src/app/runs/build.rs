//! The object of a run.

use std::collections::BTreeMap;

use crds::{
    WorkflowRun, WorkflowRunSpec,
    names::digest,
    run::{Reuse, RunTrigger, TriggerKind, WorkflowRef},
};
use kube::api::ObjectMeta;
use serde_json::Value;

use super::name::RunName;
use crate::store::{Tenant, Workflow};

/// The fingerprint of the request that created a run: tells a retry from another request that came to its name.
pub(super) const REQUEST_ANNOTATION: &str = "smbcopilot.dev/request";
const FINGERPRINT_DIGITS: usize = 32;

/// A run that somebody asks for.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) input: Value,
    pub(super) priority: Option<i32>,
    pub(super) name: RunName,
    pub(super) trigger: TriggerKind,
    pub(super) requested_by: String,
    pub(super) reuse: Option<Reuse>,
}

/// The run as it is sent to Kubernetes.
pub(super) fn run(tenant: &Tenant, workflow: &Workflow, order: Order) -> WorkflowRun {
    let fingerprint = fingerprint(workflow, &order);
    let Order { input, priority, name, trigger, requested_by, reuse } = order;
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
            trigger: Some(RunTrigger { kind: trigger, by: Some(requested_by), parent: None }),
            priority,
            reuse,
            cancel: None,
            decisions: Vec::new(),
        },
        status: None,
    }
}

/// Who wants what: the name says for which key.
fn fingerprint(workflow: &Workflow, order: &Order) -> String {
    let Order { input, priority, name: _, trigger, requested_by, reuse } = order;
    let priority = priority.unwrap_or_default().to_string();
    let reuse = serde_json::to_string(reuse).unwrap_or_default();
    let parts = [
        &workflow.id.to_string(),
        &input.to_string(),
        &priority,
        requested_by,
        &format!("{trigger:?}"),
        &reuse,
    ];
    digest(&parts.map(String::as_str), FINGERPRINT_DIGITS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::store::WorkflowState;

    fn workflow() -> Workflow {
        let at = "2026-11-24T08:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
        Workflow {
            id: Uuid::from_u128(1),
            name: "invoices".to_owned(),
            display_name: String::new(),
            description: String::new(),
            state: WorkflowState::Active,
            revision: None,
            valid: None,
            problems: json!([]),
            spec: json!({}),
            generation: 1,
            resource_version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn order(input: Value) -> Order {
        Order {
            input,
            priority: None,
            name: RunName::of_request(Uuid::from_u128(2)),
            trigger: TriggerKind::Api,
            requested_by: "anna@acme.example".to_owned(),
            reuse: None,
        }
    }

    /// A retry is refused as another request, or another request gets a run that it did not ask for.
    #[test]
    fn the_fingerprint_tells_requests_apart() {
        let of = |order: &Order| fingerprint(&workflow(), order);
        let one = of(&order(json!({"b": 1, "a": 2})));
        assert_eq!(of(&order(json!({"a": 2, "b": 1}))), one);
        assert_ne!(of(&order(json!({"a": 2, "b": 2}))), one);
        let again = Order { trigger: TriggerKind::Rerun, ..order(json!({"b": 1, "a": 2})) };
        assert_ne!(of(&again), one);
    }
}
