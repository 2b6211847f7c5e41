//! Pace of status writes. etcd stores the whole run with each of them, its input included, so a run may write a burst and then
//! a number of bytes per second.

use std::time::Duration;

use crds::value_count::count_values;
use domain::schema::json_size;
use serde_json::Value;
use tokio::time::Instant;

/// Bytes that a run may write per second, on average: a run with the largest input writes once per second.
const BYTES_PER_SECOND: u64 = 256 * 1024;
/// Bytes that a run may write at once, as time: 1 MiB. A run of 20 KiB writes fifty times without delay.
const BURST: Duration = Duration::from_secs(4);

/// Minimum cost of a value in a run, in bytes: the API server needs 0.1 µs of a core for a byte of text and 1.7 µs for each number of
/// a list, with each write (measured as stated at [`crds::constants::MAX_INPUT_VALUES`]). The values of a usual status have 30 bytes.
const VALUE_COST: usize = 16;

/// Returns the cost of storing a value, in bytes: its size as JSON, or more if it has many small values.
pub(super) fn cost(value: &Value) -> usize {
    json_size(value).max(count_values(value).saturating_mul(VALUE_COST))
}

/// Pace of the writes of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Time at which everything that was written is within the rate.
    balanced_at: Instant,
}

impl Pace {
    /// Returns the pace of a run that has written nothing.
    pub(super) fn new(now: Instant) -> Self {
        Self { balanced_at: now }
    }

    /// Records a write of a run that has this cost.
    pub(super) fn record(&mut self, cost: usize, now: Instant) {
        let millis = u64::try_from(cost).unwrap_or(u64::MAX).saturating_mul(1_000) / BYTES_PER_SECOND;
        self.balanced_at = self.balanced_at.max(now) + Duration::from_millis(millis);
    }

    /// Returns the time from which the next write may start.
    pub(super) fn earliest(&self) -> Instant {
        self.balanced_at.checked_sub(BURST).unwrap_or(self.balanced_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the time that a number of writes of some size take, if each starts as early as it may.
    fn duration(writes: usize, bytes: usize) -> Duration {
        let start = Instant::now();
        let (mut pace, mut now) = (Pace::new(start), start);
        for _ in 0..writes {
            now = now.max(pace.earliest());
            pace.record(bytes, now);
        }
        now.duration_since(start)
    }

    /// A small run is never delayed, and a large one writes a bounded number of bytes per second after its burst.
    #[test]
    fn the_rate_of_a_run_is_bounded_by_bytes() {
        assert_eq!(duration(50, 20 * 1024), Duration::ZERO);
        assert_eq!(duration(4, 256 * 1024), Duration::ZERO);
        assert_eq!(duration(65, 256 * 1024), Duration::from_secs(60));
        assert_eq!(duration(300, 1024 * 1024), Duration::from_secs(4 * 298));
    }

    /// A value that consists of many small ones costs as much as a larger text.
    #[test]
    fn many_small_values_cost_more_than_their_text() {
        assert_eq!(cost(&serde_json::json!("x".repeat(1_000))), 1_002);
        assert_eq!(cost(&serde_json::json!(vec![0; 1_000])), 1_001 * VALUE_COST);
    }

    /// After a pause of some seconds the whole burst is available again.
    #[test]
    fn a_pause_restores_the_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.record(4 << 20, start);
        assert_eq!(pace.earliest(), start + Duration::from_secs(12));
        let later = start + Duration::from_secs(60);
        pace.record(1 << 20, later);
        assert_eq!(pace.earliest(), later);
    }
}
