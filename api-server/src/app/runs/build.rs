//! The WorkflowRun object of a new run.

use std::collections::BTreeMap;

use crds::{
    WorkflowRun, WorkflowRunSpec,
    names::digest,
    run::{Reuse, RunTrigger, TriggerKind, WorkflowRef},
};
use kube::api::ObjectMeta;
use serde_json::Value;

use super::name::RunName;
use crate::{
    app::enum_names::serde_name,
    store::{Tenant, Workflow},
};

/// Annotation with the fingerprint of the request that created a run. It distinguishes a retry from another
/// request with the same name.
pub(super) const REQUEST_ANNOTATION: &str = "smbcopilot.dev/request";
const FINGERPRINT_DIGITS: usize = 32;

/// Properties of a new run.
#[derive(Clone, Debug)]
pub(super) struct NewRun {
    pub(super) input: Value,
    pub(super) priority: Option<i32>,
    pub(super) name: RunName,
    pub(super) trigger: TriggerKind,
    pub(super) requested_by: String,
    pub(super) reuse: Option<Reuse>,
}

/// Builds the object that is created in Kubernetes.
pub(super) fn run(tenant: &Tenant, workflow: &Workflow, new_run: NewRun) -> WorkflowRun {
    let fingerprint = fingerprint(workflow, &new_run);
    let NewRun { input, priority, name, trigger, requested_by, reuse } = new_run;
    WorkflowRun {
        metadata: ObjectMeta {
            name: Some(name.for_workflow(&workflow.name)),
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

/// Returns the fingerprint of a request. It excludes the name, which derives from the idempotency key.
fn fingerprint(workflow: &Workflow, new_run: &NewRun) -> String {
    let NewRun { input, priority, name: _, trigger, requested_by, reuse } = new_run;
    let priority = priority.unwrap_or_default().to_string();
    let reuse = serde_json::to_string(reuse).unwrap_or_default();
    let parts =
        [&workflow.id.to_string(), &input.to_string(), &priority, requested_by, &serde_name(trigger), &reuse];
    digest(&parts.map(String::as_str), FINGERPRINT_DIGITS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::store::WorkflowState;

    fn workflow() -> Workflow {
        let time = "2026-11-24T08:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
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
            created_at: time,
            updated_at: time,
        }
    }

    fn new_run(input: Value) -> NewRun {
        NewRun {
            input,
            priority: None,
            name: RunName::from_request_id(Uuid::from_u128(2)),
            trigger: TriggerKind::Api,
            requested_by: "anna@acme.example".to_owned(),
            reuse: None,
        }
    }

    /// A retry finds its run, and another request never receives that run.
    #[test]
    fn the_fingerprint_distinguishes_requests() {
        let fingerprint_of = |new_run: &NewRun| fingerprint(&workflow(), new_run);
        let one = fingerprint_of(&new_run(json!({"b": 1, "a": 2})));
        assert_eq!(fingerprint_of(&new_run(json!({"a": 2, "b": 1}))), one);
        assert_ne!(fingerprint_of(&new_run(json!({"a": 2, "b": 2}))), one);
        let again = NewRun { trigger: TriggerKind::Rerun, ..new_run(json!({"b": 1, "a": 2})) };
        assert_ne!(fingerprint_of(&again), one);
    }
}
