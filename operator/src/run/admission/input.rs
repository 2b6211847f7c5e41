//! Input of a run, which is read for the moment in which it is needed, and its check.

use crds::{
    WorkflowRun,
    constants::{MAX_INPUT_BYTES, MAX_INPUT_VALUES, MAX_VALUE_DEPTH},
    nesting::is_deeper_than,
    value_count::count_values,
    workflow::ErrorKind,
};
use domain::{schema::describe_violations, workflow::ValidWorkflow};
use serde_json::Value;

use super::super::{decide::End, observe::Snapshot};
use crate::{api::FullObject, context::Context, errors::Error};

/// Reads a run with its input. Returns `None` if it was deleted.
///
/// # Errors
/// Returns an error if the input takes too much memory, or if the API server cannot be reached or refuses the request.
pub(super) async fn read_full(
    ctx: &Context,
    snapshot: &Snapshot,
) -> Result<Option<FullObject<WorkflowRun>>, Error> {
    let run = ctx.full.run_input(&snapshot.namespace, &snapshot.name).await?;
    Ok(run.filter(|run| run.metadata.uid == snapshot.run.metadata.uid))
}

/// Returns the input that a run executes with: the one that it was given, with the defaults of its workflow's input schema.
///
/// # Errors
/// Returns the end of a run whose input is nested too deeply, too large, or not one that the schema allows.
pub(super) fn complete_input(given: Option<Value>, workflow: &ValidWorkflow) -> Result<Value, End> {
    given.as_ref().map_or(Ok(()), |given| check_size(given, "the input"))?;
    let completed = workflow.complete_input(given).map_err(|violations| {
        let message =
            format!("the input does not match the workflow's schema: {}", describe_violations(&violations));
        End::failed(ErrorKind::Schema, "INPUT_INVALID", message)
    })?;
    check_size(&completed, "the input with the defaults of the workflow's schema")?;
    Ok(completed)
}

fn check_size(input: &Value, subject: &str) -> Result<(), End> {
    if is_deeper_than(input, MAX_VALUE_DEPTH) {
        let message =
            format!("{subject} has more than {MAX_VALUE_DEPTH} levels of nested arrays and objects");
        return Err(End::failed(ErrorKind::User, "INPUT_TOO_DEEP", message));
    }
    let (bytes, limit) = (input.to_string().len(), MAX_INPUT_BYTES);
    if bytes > limit {
        let message = format!("{subject} has {bytes} bytes; the limit is {limit}");
        return Err(End::failed(ErrorKind::User, "INPUT_TOO_LARGE", message));
    }
    let values = count_values(input);
    if values > MAX_INPUT_VALUES {
        let message = format!(
            "{subject} has {values} values; the limit is {MAX_INPUT_VALUES}: pass a large list as text, or an id under which a step reads it"
        );
        return Err(End::failed(ErrorKind::User, "INPUT_TOO_LARGE", message));
    }
    Ok(())
}
