//! What can be said about a run's input before Kubernetes is asked.

use crds::nesting::is_deeper_than;
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
    let mut found = too_deep(input);
    if found.is_empty()
        && let Some(schema) = workflow.spec.pointer("/input/schema")
    {
        found = violations(schema, input);
    }
    if found.is_empty() { Ok(()) } else { Err(Error::InvalidInput(found)) }
}

/// What Kubernetes would store, and its clients could not read.
pub(super) fn too_deep(input: &Value) -> Vec<Violation> {
    let limit = crds::constants::MAX_VALUE_DEPTH;
    let violation = || Violation {
        pointer: "/input".to_owned(),
        code: "too_deep".to_owned(),
        message: format!("more than {limit} lists and objects are within each other"),
    };
    is_deeper_than(input, limit).then(violation).into_iter().collect()
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
