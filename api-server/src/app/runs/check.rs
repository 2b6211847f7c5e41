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
    match workflow.spec.pointer("/input/schema") {
        Some(schema) => fits(schema, input),
        None => Ok(()),
    }
}

fn fits(schema: &Value, input: &Value) -> Result<(), Error> {
    // A schema that does not compile is the workflow's problem, and the operator has told its author.
    let Ok(schema) = domain::schema::Schema::compile(schema) else { return Ok(()) };
    match schema.check(input) {
        Ok(()) => Ok(()),
        Err(violations) => Err(Error::InvalidInput(violations.into_iter().map(violation).collect())),
    }
}

fn violation(violation: domain::schema::Violation) -> Violation {
    Violation {
        pointer: format!("/input{}", violation.pointer),
        code: "schema".to_owned(),
        message: violation.message,
    }
}
