//! Validation of the input of a run before the request to Kubernetes.

use compute::Memory;
use crds::{nesting::is_deeper_than, value_count::count_values};
use domain::schema::{self, Schema};
use serde_json::Value;

use crate::{
    app::{
        App, Error, Reservation, Violation,
        workflows::{self, WorkflowDetails},
    },
    auth::TenantScope,
    store::{WorkflowContent, WorkflowState},
};

/// Checks that a workflow can be run with an input. The operator repeats the check against the revision that the run
/// finally executes.
///
/// # Errors
/// Returns an error if the workflow is archived or not valid; if the input is too large, too deep or does not match the schema; or if it
/// could not be checked.
pub(super) async fn check_input(
    app: &App,
    scope: TenantScope,
    workflow: &WorkflowDetails,
    input: &Value,
) -> Result<(), Error> {
    let WorkflowDetails { workflow, content } = workflow;
    if workflow.state == WorkflowState::Archived {
        return Err(Error::WorkflowArchived { workflow: workflow.name.clone() });
    }
    if workflow.valid == Some(false) {
        return Err(Error::WorkflowInvalid { workflow: workflow.name.clone(), problems: problems(content) });
    }
    let (bytes, limit) = (input.to_string().len(), crds::constants::MAX_INPUT_BYTES);
    if bytes > limit {
        return Err(Error::InputTooLarge { bytes, limit });
    }
    let (values, limit) = (count_values(input), crds::constants::MAX_INPUT_VALUES);
    if values > limit {
        return Err(Error::InputTooManyValues { values, limit });
    }
    let mut violations = form_violations(input);
    if violations.is_empty()
        && let Some(schema) = content.spec.pointer("/input/schema")
    {
        // As the run does, with the defaults of the schema.
        let validate: Validate = |schema, input| schema.complete(input.clone()).map(drop);
        violations = schema_violations(app, scope, schema, input, validate).await?;
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::InvalidInput(violations)) }
}

/// Returns the validation errors of a workflow. Each message begins with the path of the field.
fn problems(content: &WorkflowContent) -> Vec<Violation> {
    let violation = |workflows::Problem { path, code, message }| Violation {
        pointer: String::new(),
        code: code.to_ascii_lowercase(),
        message: format!("{path}: {message}"),
    };
    workflows::problems(content).into_iter().map(violation).collect()
}

/// Returns a violation if an input is nested too deeply, since Kubernetes would store it but its clients could not read it, or
/// if it contains a number that was rounded.
pub(super) fn form_violations(input: &Value) -> Vec<Violation> {
    let limit = crds::constants::MAX_VALUE_DEPTH;
    if is_deeper_than(input, limit) {
        return vec![Violation {
            pointer: "/input".to_owned(),
            code: "too_deep".to_owned(),
            message: format!("lists and objects are nested more than {limit} levels deep"),
        }];
    }
    let violation = |pointer: String| Violation {
        pointer: format!("/input{pointer}"),
        code: "number_too_large".to_owned(),
        message: domain::numbers::MESSAGE.to_owned(),
    };
    domain::numbers::oversized(input).map(violation).into_iter().collect()
}

/// Function that validates a value.
pub(super) type Validate = fn(&Schema, &Value) -> Result<(), Vec<schema::Violation>>;

/// Returns the violations of a tenant's schema, with pointers below `/input`.
///
/// # Errors
/// Returns an error if the schema could not be compiled, or the input validated, on the tenant's share of the threads, or if the
/// memory for it is not free in time.
pub(super) async fn schema_violations(
    app: &App,
    scope: TenantScope,
    schema: &Value,
    input: &Value,
    validate: Validate,
) -> Result<Vec<Violation>, Error> {
    // A validation that exceeds its deadline keeps its copy of the input, which counts until it ends.
    let (bytes, reservation) = Reservation::of_copy(app, scope, input).await?;
    let (schema, input) = (schema.clone(), input.clone());
    let find = move || find_violations(&schema, &input, validate);
    let memory = Memory { bytes, reservation };
    let (violations, _) = app.compute.run_with_memory(&scope.tenant_id().to_string(), memory, find).await?;
    Ok(violations)
}

fn find_violations(schema: &Value, input: &Value, validate: Validate) -> Vec<Violation> {
    // The operator reports a schema that does not compile as a validation error of the workflow.
    let Ok(schema) = Schema::compile(schema) else { return Vec::new() };
    let violation = |violation: schema::Violation| Violation {
        pointer: format!("/input{}", violation.pointer),
        code: "schema".to_owned(),
        message: violation.message,
    };
    validate(&schema, input).err().into_iter().flatten().map(violation).collect()
}
