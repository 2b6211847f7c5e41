//! Retries of requests with exponential backoff, bounded by the time that the failure may last.

use std::{error::Error, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use telemetry::errors::chain;
use tokio::time::Instant;
use tracing::warn;

/// Limits of the retries of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Time after the first attempt during which further attempts are started.
    pub(crate) timeout: Duration,
    /// Delay before the second attempt. Doubles with each further attempt.
    pub(crate) min_delay: Duration,
    pub(crate) max_delay: Duration,
}

/// Failure of a request that may be retried.
pub(crate) trait Transient: Error + 'static {
    /// Returns whether a further attempt may succeed.
    fn is_transient(&self) -> bool;
}

/// Runs `request` until it succeeds, fails permanently or the timeout of `policy` has passed.
///
/// `name` describes the request in the log, for example `"create a sub-run"`.
///
/// # Errors
/// Returns the error of the last attempt.
pub(crate) async fn retry<T, E, F>(
    policy: RetryPolicy,
    name: &'static str,
    request: impl FnMut() -> F,
) -> Result<T, E>
where
    E: Transient,
    F: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + policy.timeout;
    let backoff = ExponentialBuilder::new()
        .with_min_delay(policy.min_delay)
        .with_max_delay(policy.max_delay)
        .without_max_times();
    request
        .retry(backoff)
        .when(|error| error.is_transient() && Instant::now() < deadline)
        .notify(|error, delay| {
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            warn!(error = %chain(error), delay_ms, request = name, "request failed; retrying");
        })
        .await
}
