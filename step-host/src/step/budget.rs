//! Rate limit of a step's output. A step that writes faster is blocked, so that nothing is lost.

use std::time::{Duration, Instant};

/// Number of bytes that a step may write without being slowed down, for example a large report.
const BURST_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes per second beyond the burst. The runner stores the first 10 MiB of an attempt and only counts the rest. A step in
/// an endless loop must leave the host and the runner time for other steps.
const BYTES_PER_SECOND: u64 = 8 * 1024 * 1024;
/// Minimum time for which a throttled step is not read.
const PAUSE_DURATION: Duration = Duration::from_millis(100);

/// Number of bytes that a step may currently write.
pub(super) struct Budget {
    left: u64,
    counted_at: Instant,
}

impl Budget {
    pub(super) const fn full(now: Instant) -> Self {
        Self { left: BURST_BYTES, counted_at: now }
    }

    /// Subtracts bytes that were read.
    pub(super) fn spend(&mut self, bytes: usize, now: Instant) {
        self.refill(now);
        self.left = self.left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Returns the time at which the step may be read again, or `None` if it may be read now.
    pub(super) fn resumes_at(&self, now: Instant) -> Option<Instant> {
        let at = self.counted_at + PAUSE_DURATION;
        (self.left == 0 && at > now).then_some(at)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted_at).as_millis();
        let gained = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(BYTES_PER_SECOND) / 1000;
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(BURST_BYTES);
            self.counted_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A burst is not slowed down, and further output is limited to the rate.
    #[test]
    fn a_burst_is_not_slowed_and_further_output_is_limited_to_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::full(start);
        budget.spend(10 << 20, start);
        assert_eq!(budget.resumes_at(start), None);
        budget.spend(10 << 20, start);
        assert_eq!(budget.resumes_at(start), Some(start + PAUSE_DURATION));

        let (mut now, mut read) = (start, 0);
        while now < start + Duration::from_secs(10) {
            now = budget.resumes_at(now).unwrap_or(now + Duration::from_millis(1));
            budget.spend(64 << 10, now);
            read += 64 << 10;
        }
        assert!((75 << 20..85 << 20).contains(&read), "{read} bytes in 10 s");
    }
}
