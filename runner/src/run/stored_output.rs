//! Values of steps and sub-runs that are in object storage.

use crds::run::OutputRef;
use serde_json::Value;

use crate::api::{ApiServer, FetchError};

/// Returns the value to which a reference in a run's status points.
///
/// # Errors
/// Returns an error if the value cannot be read or has changed, or if no api-server is configured.
pub(super) async fn fetch(
    api: Option<&ApiServer>,
    run_uid: &str,
    reference: &OutputRef,
) -> Result<Value, FetchError> {
    match api {
        Some(api) => api.fetch(run_uid, reference).await,
        None => Err(FetchError::Gone {
            uri: reference.uri.clone(),
            reason: "the runner has no api-server configured".to_owned(),
        }),
    }
}
