//! Waiting for a condition, always with a bound.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Asks again and again until there is an answer. Errors: the first that `ask` gives, or that the time is over.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("gave up after {} s waiting for {what}", limit.as_secs());
        }
        self::pause(pause);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where xtask sleeps: between two checks of a condition"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
