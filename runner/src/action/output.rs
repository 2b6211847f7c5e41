//! Placement of a step's value: inline in the run's status, or in object storage if it is large.

use crds::{
    constants::{MAX_INLINE_OUTPUT_BYTES, MAX_STORED_OUTPUT_BYTES},
    run::StepError,
    workflow::ErrorKind,
};
use domain::{
    run::{Output, StepKey, step_error},
    schema,
};
use serde_json::Value;
use telemetry::errors::chain;

use crate::{action::context::StepContext, api::StoreError};

/// Redacts the value of an attempt and stores it if it is too large for the status.
///
/// Values of items stay inline here: the run's loop stores them together with those of other items.
///
/// # Errors
/// Returns an error if the value is too large or cannot be stored.
pub(super) async fn redact_and_store(
    context: &StepContext,
    key: &StepKey,
    mut value: Value,
) -> Result<Output, StepError> {
    context.redactor.redact_value(&mut value);
    let bytes = schema::json_size(&value);
    if bytes > MAX_STORED_OUTPUT_BYTES {
        return Err(too_large(bytes, &format!("at most {MAX_STORED_OUTPUT_BYTES} are allowed")));
    }
    if bytes <= MAX_INLINE_OUTPUT_BYTES || key.item.is_some() {
        return Ok(value.into());
    }
    store(context, value).await
}

/// Redacts a value and stores it in object storage.
///
/// # Errors
/// Returns an error if the value is too large or cannot be stored.
pub(super) async fn store(context: &StepContext, mut value: Value) -> Result<Output, StepError> {
    context.redactor.redact_value(&mut value);
    let stored = match &context.api {
        Some(api) => api.store(&context.run_uid, &value).await,
        None => Err(StoreError::NoStorage { bytes: schema::json_size(&value) }),
    };
    match stored {
        Ok(reference) => Ok(Output { value, stored: Some(reference) }),
        Err(failed) => Err(storage_error(&failed)),
    }
}

/// Returns the error of a step whose value cannot be stored.
pub(crate) fn storage_error(failed: &StoreError) -> StepError {
    match failed {
        StoreError::NoStorage { bytes } => {
            let limit = format!(
                "at most {MAX_INLINE_OUTPUT_BYTES} are allowed, since no object storage is configured"
            );
            too_large(*bytes, &limit)
        }
        StoreError::TooLarge { bytes, detail } => {
            let message = format!("the output has {bytes} bytes: {detail}");
            step_error(ErrorKind::User, "OUTPUT_TOO_LARGE", message)
        }
        StoreError::Encode(_) | StoreError::Api { .. } => {
            step_error(ErrorKind::Infra, "OUTPUT_NOT_STORED", chain(failed))
        }
    }
}

fn too_large(bytes: usize, limit: &str) -> StepError {
    step_error(ErrorKind::User, "OUTPUT_TOO_LARGE", format!("the output has {bytes} bytes; {limit}"))
}
