//! The system clock. Decisions receive the time as an argument; the processes read it here.

/// Returns the current time, in UTC.
#[allow(clippy::disallowed_methods, reason = "the only place that may read the clock")]
#[must_use]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
