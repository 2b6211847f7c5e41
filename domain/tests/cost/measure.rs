//! Measurement of one case.

use std::time::{Duration, Instant};

use super::allocations;

/// What a case took.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) time: Duration,
    /// Maximum memory that was allocated at the same time, in bytes.
    pub(crate) peak_bytes: usize,
    /// Number of allocations.
    pub(crate) allocations: usize,
    /// Outcome, in a few words.
    pub(crate) outcome: String,
}

/// Runs a case on this thread.
pub(crate) fn measure(run: impl FnOnce() -> String) -> Measured {
    allocations::reset();
    let begin = Instant::now();
    let outcome = run();
    let time = begin.elapsed();
    let allocated = allocations::current();
    Measured { time, peak_bytes: allocated.peak_bytes, allocations: allocated.count, outcome }
}
