//! Delay before a failed reconcile is retried: exponential with jitter, counted for each object separately.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::errors::Class;

/// Exponent beyond which the delay no longer grows: the maximum delay of every class is reached before it.
const MAX_EXPONENT: u32 = 16;

/// Number of consecutive failures of each object whose last reconcile failed.
#[derive(Debug)]
pub(crate) struct Failures<K>(Mutex<HashMap<K, u32>>);

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash> Failures<K> {
    /// Counts a failure, and returns the number of consecutive failures of the object.
    pub(crate) fn record_failure(&self, object: K) -> u32 {
        let mut failures = self.lock();
        let count = failures.entry(object).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    /// Resets the failures of an object, and returns how many there were.
    pub(crate) fn record_success(&self, object: &K) -> u32 {
        self.lock().remove(object).unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the delay after a number of consecutive failures. `jitter` is a random number in 0..1.
///
/// A conflict is retried within a tenth of a second, since the newer version of the object is about to arrive.
pub(crate) fn delay(class: Class, failures: u32, jitter: f64) -> Duration {
    let (first, max) = match class {
        Class::Conflict => (Duration::from_millis(25), Duration::from_secs(5)),
        Class::Transient => (Duration::from_millis(500), Duration::from_secs(60)),
        Class::Invalid | Class::Bug => (Duration::from_secs(5), Duration::from_secs(300)),
        // An object that is set aside takes up to five seconds of a thread each time.
        Class::SetAside => (Duration::from_secs(60), Duration::from_secs(1_800)),
    };
    let exponent = failures.saturating_sub(1).min(MAX_EXPONENT);
    let full = first.saturating_mul(2_u32.saturating_pow(exponent)).min(max);
    full.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delay doubles with each failure, up to a maximum.
    #[test]
    fn delays_grow_to_a_maximum() {
        let delays: Vec<_> = (1..=10).map(|n| delay(Class::Transient, n, 0.5).as_millis()).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
        assert_eq!(delay(Class::Bug, u32::MAX, 1.0), Duration::from_secs(360));
    }

    /// Objects that failed at the same time are retried at different times: the delay varies by a fifth either way.
    #[test]
    fn jitter_varies_the_delay_by_a_fifth() {
        assert_eq!(delay(Class::Conflict, 1, 0.0), Duration::from_millis(20));
        assert_eq!(delay(Class::Conflict, 1, 1.0), Duration::from_millis(30));
    }

    /// After a success the delay starts from the beginning.
    #[test]
    fn a_success_resets_the_count() {
        let failures = Failures::default();
        let counts =
            (failures.record_failure("a"), failures.record_failure("a"), failures.record_failure("b"));
        assert_eq!(counts, (1, 2, 1));
        assert_eq!(failures.record_success(&"a"), 2);
        assert_eq!(failures.record_failure("a"), 1);
    }
}
