//! What becomes of a value that a step gives: it stays in the run's status, or goes to object storage.

use crds::{
    constants::{MAX_INLINE_OUTPUT_BYTES, MAX_STORED_OUTPUT_BYTES},
    run::StepError,
    workflow::ErrorKind,
};
use domain::{
    run::{Output, Place, error},
    schema,
};
use serde_json::Value;

use crate::{action::Means, api::StoreError, chain::chain};

/// Takes an attempt's value over: without secrets, and stored if it is large.
///
/// Values of items are stored together with those of others, when the run's loop says so.
pub(super) async fn keep(means: &Means, place: &Place, mut value: Value) -> Result<Output, StepError> {
    means.redactor.value(&mut value);
    let bytes = schema::json_size(&value);
    if bytes > MAX_STORED_OUTPUT_BYTES {
        return Err(too_large(bytes, MAX_STORED_OUTPUT_BYTES, "at most"));
    }
    if bytes <= MAX_INLINE_OUTPUT_BYTES || place.item.is_some() {
        return Ok(value.into());
    }
    store(means, value).await
}

/// Stores a value.
pub(super) async fn store(means: &Means, mut value: Value) -> Result<Output, StepError> {
    means.redactor.value(&mut value);
    let stored = match &means.api {
        Some(api) => api.store(&means.run_uid, &value).await,
        None => Err(StoreError::NoStorage { bytes: schema::json_size(&value) }),
    };
    match stored {
        Ok(reference) => Ok(Output { value, stored: Some(reference) }),
        Err(failed) => Err(store_error(&failed)),
    }
}

/// What a step's author is told when a value cannot be stored.
pub(crate) fn store_error(failed: &StoreError) -> StepError {
    match failed {
        StoreError::NoStorage { bytes } => {
            too_large(*bytes, MAX_INLINE_OUTPUT_BYTES, "there is no object storage, and without it at most")
        }
        StoreError::TooLarge { bytes, detail } => {
            let message = format!("the output has {bytes} bytes: {detail}");
            error(ErrorKind::User, "OUTPUT_TOO_LARGE", message)
        }
        StoreError::Encode(_) | StoreError::Api { .. } => {
            error(ErrorKind::Infra, "OUTPUT_NOT_STORED", chain(failed))
        }
    }
}

fn too_large(bytes: usize, limit: usize, why: &str) -> StepError {
    let message = format!("the output has {bytes} bytes; {why} {limit} are kept");
    error(ErrorKind::User, "OUTPUT_TOO_LARGE", message)
}
