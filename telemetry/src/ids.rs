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

/// Returns a random ID of a trace, which is not zero.
pub(crate) fn trace_id() -> u128 {
    rand::random::<u128>().max(1)
}

/// Returns a random ID of a span, which is not zero.
pub(crate) fn span_id() -> u64 {
    rand::random::<u64>().max(1)
}
