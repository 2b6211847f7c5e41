//! Waiting for a condition with a deadline.

use std::{fmt::Debug, time::Duration};

use anyhow::bail;

/// How often a condition is looked at. Short against every deadline, long against a request (about 5 ms).
const PERIOD: Duration = Duration::from_millis(50);

/// Looks at `observe` until it gives a value for which `holds`, and returns that value.
///
/// # Errors
/// `observe` fails, or the deadline passes: the error then says `what`, and what was seen last.
pub async fn until<T: Debug>(
    what: &str,
    deadline: Duration,
    mut observe: impl AsyncFnMut() -> anyhow::Result<T>,
    holds: impl Fn(&T) -> bool,
) -> anyhow::Result<T> {
    let mut last = None;
    let looked = tokio::time::timeout(deadline, async {
        loop {
            let seen = observe().await?;
            if holds(&seen) {
                return anyhow::Ok(seen);
            }
            last = Some(seen);
            tokio::time::sleep(PERIOD).await;
        }
    })
    .await;
    match looked {
        Ok(seen) => seen,
        Err(_) => bail!("{what}: not within {deadline:?}; last seen: {last:#?}"),
    }
}
