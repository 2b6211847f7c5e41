//! Percentiles of durations, for benchmarks.

use std::time::Duration;

/// Returns a percentile in milliseconds by the nearest-rank method; NaN if there are no durations.
#[must_use]
pub fn percentile_ms(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
