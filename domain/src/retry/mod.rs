//! Backoff between attempts.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Delay after the first attempt.
    pub initial: Duration,
    /// Factor by which each further delay grows; at least 1.
    pub factor: f64,
    /// Maximum delay, before jitter.
    pub max: Duration,
    /// Random share of a delay, 0 to 1: 0.2 spreads it over 80 % to 120 %.
    pub jitter: f64,
}

impl Default for Backoff {
    /// Returns a backoff of 1 s that doubles up to 1 min, spread by 20 %.
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(60), jitter: 0.2 }
    }
}

impl Backoff {
    /// Returns the delay after attempt number `attempt` (starting at 1), with `random` in 0 ≤ random < 1.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let bounded = grown.min(self.max.as_secs_f64());
        let spread = 1.0 + self.jitter.clamp(0.0, 1.0) * (random.clamp(0.0, 1.0) * 2.0 - 1.0);
        Duration::try_from_secs_f64(bounded * spread).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    /// Delays grow with each attempt and never exceed the maximum.
    #[test]
    fn waits_grow_to_the_maximum() {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        let waits: Vec<u64> = [1, 2, 3, 6, 7, 8, 4_000_000_000]
            .iter()
            .map(|attempt| backoff.delay(*attempt, 0.5).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 32, 60, 60, 60]);
    }

    /// Jitter spreads the retries of steps that failed at the same time, in both directions.
    #[test]
    fn jitter_spreads_both_ways() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(1, 0.0), Duration::from_millis(800));
        assert_eq!(backoff.delay(1, 0.5), Duration::from_secs(1));
        assert_eq!(backoff.delay(1, 1.0), Duration::from_millis(1200));
    }
}
