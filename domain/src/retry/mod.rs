//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The wait after the first attempt.
    pub initial: Duration,
    /// By what each further wait is longer; at least 1.
    pub factor: f64,
    /// The longest wait, before jitter.
    pub max: Duration,
    /// The share of a wait, 0 to 1, that is random: 0.2 spreads it over 80 % to 120 %.
    pub jitter: f64,
}

impl Default for Backoff {
    /// 1 s, doubling, at most 1 min, spread by 20 %.
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(60), jitter: 0.2 }
    }
}

impl Backoff {
    /// The wait after `attempt` attempts (from 1), with `random` in 0 ≤ random < 1.
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

    /// Retries of a failing service must slow down, and never wait for longer than the user said.
    #[test]
    fn waits_grow_to_the_maximum() {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        let waits: Vec<u64> = [1, 2, 3, 6, 7, 8, 4_000_000_000]
            .iter()
            .map(|attempt| backoff.delay(*attempt, 0.5).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 32, 60, 60, 60]);
    }

    /// A thousand steps that failed together must not come back together.
    #[test]
    fn jitter_spreads_both_ways() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(1, 0.0), Duration::from_millis(800));
        assert_eq!(backoff.delay(1, 0.5), Duration::from_secs(1));
        assert_eq!(backoff.delay(1, 1.0), Duration::from_millis(1200));
    }
}
