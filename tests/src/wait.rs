//! Waits for a condition with a deadline.

use std::{fmt::Debug, time::Duration};

use anyhow::bail;

/// Interval at which a condition is checked: short compared with every deadline, long compared with a request
/// (about 5 ms).
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Calls `observe` until it returns a value that satisfies `condition`, and returns that value.
///
/// # Errors
/// Returns the error of `observe`, or, after the deadline, an error with `what` was expected and the last observed value.
pub async fn until<T: Debug>(
    what: &str,
    deadline: Duration,
    mut observe: impl AsyncFnMut() -> anyhow::Result<T>,
    condition: impl Fn(&T) -> bool,
) -> anyhow::Result<T> {
    let mut last = None;
    let result = tokio::time::timeout(deadline, async {
        loop {
            let observed = observe().await?;
            if condition(&observed) {
                return anyhow::Ok(observed);
            }
            last = Some(observed);
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
    .await;
    match result {
        Ok(result) => result,
        Err(_) => bail!("{what}: not within {deadline:?}; last observed: {last:#?}"),
    }
}
