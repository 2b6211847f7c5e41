//! How fast a step may write. A step that writes faster waits: nothing is lost.

use std::time::{Duration, Instant};

/// Bytes that a step may write at once: a large report in one go is not slowed down.
const BURST: u64 = 16 * 1024 * 1024;
/// Bytes a second after that. The runner keeps the first 10 MiB of an attempt and counts the rest; a step in an
/// endless loop should leave the host and the runner time for others.
const RATE: u64 = 8 * 1024 * 1024;
/// The shortest wait, so that a throttled step is not looked at for every byte.
const PERIOD: Duration = Duration::from_millis(100);

/// What is left of it.
pub(super) struct Budget {
    left: u64,
    counted_at: Instant,
}

impl Budget {
    pub(super) const fn full(now: Instant) -> Self {
        Self { left: BURST, counted_at: now }
    }

    /// Counts bytes that were read.
    pub(super) fn spend(&mut self, bytes: usize, now: Instant) {
        self.refill(now);
        self.left = self.left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// When the step may be read again; `None` if now.
    pub(super) fn resumes_at(&self, now: Instant) -> Option<Instant> {
        let at = self.counted_at + PERIOD;
        (self.left == 0 && at > now).then_some(at)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted_at).as_millis();
        let gained = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(RATE) / 1000;
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(BURST);
            self.counted_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step's endless output fills the node's disk, or slows a normal step down.
    #[test]
    fn a_burst_passes_and_a_flood_is_slowed_to_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::full(start);
        budget.spend(10 << 20, start);
        assert_eq!(budget.resumes_at(start), None);
        budget.spend(10 << 20, start);
        assert_eq!(budget.resumes_at(start), Some(start + PERIOD));

        let (mut now, mut read) = (start, 0);
        while now < start + Duration::from_secs(10) {
            now = budget.resumes_at(now).unwrap_or(now + Duration::from_millis(1));
            budget.spend(64 << 10, now);
            read += 64 << 10;
        }
        assert!((75 << 20..85 << 20).contains(&read), "{read} bytes in 10 s");
    }
}
