//! What can be said about a run's input before Kubernetes is asked.

use serde_json::Value;

use crate::{
    app::{Error, Violation},
    store::{Workflow, WorkflowState},
};

/// The workflow may be run, and the input fits. The operator checks the same once more: against the revision that
/// the run gets in the end.
pub(super) fn check(workflow: &Workflow, input: &Value) -> Result<(), Error> {
    if workflow.state == WorkflowState::Archived {
        return Err(Error::WorkflowArchived { workflow: workflow.name.clone() });
    }
    let (bytes, limit) = (input.to_string().len(), crds::constants::MAX_INPUT_BYTES);
    if bytes > limit {
        return Err(Error::InputTooLarge { bytes, limit });
    }
    let schema = workflow.spec.pointer("/input/schema");
    let violations = schema.map(|schema| violations(schema, input)).unwrap_or_default();
    if violations.is_empty() { Ok(()) } else { Err(Error::InvalidInput(violations)) }
}

/// What breaks a schema of the workflow's, with pointers below `input`.
pub(super) fn violations(schema: &Value, input: &Value) -> Vec<Violation> {
    // A schema that does not compile is the workflow's problem, and the operator has told its author.
    let Ok(schema) = domain::schema::Schema::compile(schema) else { return Vec::new() };
    let violation = |violation: domain::schema::Violation| Violation {
        pointer: format!("/input{}", violation.pointer),
        code: "schema".to_owned(),
        message: violation.message,
    };
    schema.check(input).err().into_iter().flatten().map(violation).collect()
}
