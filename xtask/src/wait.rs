//! Waiting for a condition with a timeout.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Calls `check` until it returns a value, and returns that value.
///
/// # Errors
/// Returns the first error of `check`, or an error that names `what` after the timeout.
pub(crate) fn until<T>(
    what: &str,
    timeout: Duration,
    interval: Duration,
    mut check: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = check()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("timed out after {} s waiting for {what}", timeout.as_secs());
        }
        pause(interval);
    }
}

/// Sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where xtask sleeps: between two checks of a condition"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
