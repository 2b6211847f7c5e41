//! The ambient clock. Decisions take the time as an argument; the edges get it here.

/// The current time, in UTC.
#[allow(clippy::disallowed_methods, reason = "the one place that may read the clock")]
#[must_use]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
