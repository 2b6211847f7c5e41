//! Identifiers and random numbers. Decisions receive them as arguments; the processes generate them here.

use uuid::Uuid;

/// Returns a new UUIDv7: unique, and ordered by creation time.
#[allow(clippy::disallowed_methods, reason = "the only place that may generate ids")]
#[must_use]
pub fn uuid_v7() -> Uuid {
    Uuid::now_v7()
}

/// Returns a random number in `[0, 1)`, for jitter.
#[must_use]
pub fn unit_random() -> f64 {
    rand::random()
}
