//! Ambient identifiers and randomness. Decisions take them as arguments; the edges get them here.

use uuid::Uuid;

/// A new UUIDv7: unique, and ordered by the time it was made.
#[allow(clippy::disallowed_methods, reason = "the one place that may make ids")]
#[must_use]
pub fn uuid_v7() -> Uuid {
    Uuid::now_v7()
}

/// A random number in `[0, 1)`, for jitter.
#[must_use]
pub fn unit_random() -> f64 {
    rand::random()
}
