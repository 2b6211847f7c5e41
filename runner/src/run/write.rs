//! Status writes that survive a restart of the API server.

use std::time::Duration;

use crds::WorkflowRun;
use serde_json::Value;

use crate::{
    cluster::{ClusterApi, WriteError},
    retry::{RetryPolicy, retry},
};

/// Policy for the retries of a write. The operator treats a pod whose node has been silent for 30 s as lost.
/// A runner without a connection for longer than this timeout has most likely been replaced, and its next
/// write would be refused.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    timeout: Duration::from_secs(300),
    min_delay: Duration::from_millis(100),
    max_delay: Duration::from_secs(5),
};

/// Applies a patch to the run's status, with retries. If a write succeeded but its response was lost, the retry fails
/// with a conflict, because the patch contains the resource version for which it was made.
///
/// # Errors
/// Returns an error if the API server refuses the patch or cannot be reached for the timeout.
pub(super) async fn write(
    cluster: &impl ClusterApi,
    run: &str,
    patch: Vec<Value>,
) -> Result<WorkflowRun, WriteError> {
    retry(RETRY_POLICY, "write the status of the run", || cluster.patch_status(run, &patch)).await
}
