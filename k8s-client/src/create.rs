//! Creation of objects that the quota of a namespace counts.

use std::{fmt::Debug, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use kube::{Api, Error, Result, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

/// Shortest delay before a further attempt.
const MIN_DELAY: Duration = Duration::from_millis(20);
/// Longest delay before a further attempt.
const MAX_DELAY: Duration = Duration::from_millis(500);
/// Number of further attempts, with delays of 1.1 to 2.2 s in all.
const MAX_RETRIES: usize = 6;

/// Creates an object. It is sent again when the API server refuses it with a conflict although no object has its name: it
/// counts an object in the quota of the namespace before it stores it, and gives up after three attempts to do so while
/// others create objects in the same namespace.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the object.
pub async fn create<K>(api: &Api<K>, params: &PostParams, object: &K) -> Result<K>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    let delays = ExponentialBuilder::new()
        .with_min_delay(MIN_DELAY)
        .with_max_delay(MAX_DELAY)
        .with_max_times(MAX_RETRIES)
        .with_jitter();
    let attempt = || api.create(params, object);
    attempt.retry(delays).when(|error| matches!(error, Error::Api(status) if status.is_conflict())).await
}
