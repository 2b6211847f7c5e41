//! Check of a run's input. Pure.

use crds::{WorkflowRun, constants::MAX_VALUE_DEPTH, nesting::is_deeper_than, workflow::ErrorKind};
use domain::{schema::describe_violations, workflow::ValidWorkflow};
use serde_json::Value;

use super::super::decide::End;

/// Checks that a run's input is not nested too deeply and matches the input schema of its workflow.
///
/// # Errors
/// Returns the end of a run whose input is rejected.
pub(super) fn check_input(run: &WorkflowRun, workflow: &ValidWorkflow) -> Result<(), End> {
    let input = run.spec.input.as_ref().unwrap_or(&Value::Null);
    if is_deeper_than(input, MAX_VALUE_DEPTH) {
        let message =
            format!("the input has more than {MAX_VALUE_DEPTH} levels of nested arrays and objects");
        return Err(End::failed(ErrorKind::User, "INPUT_TOO_DEEP", message));
    }
    workflow.check_input(input).map_err(|violations| {
        let message =
            format!("the input does not match the workflow's schema: {}", describe_violations(&violations));
        End::failed(ErrorKind::Schema, "INPUT_INVALID", message)
    })
}
