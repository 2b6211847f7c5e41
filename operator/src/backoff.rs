//! How long an object that failed waits: exponential, with jitter, each object for itself.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::errors::Class;

/// After this many failures in a row the longest wait is reached anyway.
const MAX_EXPONENT: u32 = 16;

/// Failures in a row of each object that fails now.
#[derive(Debug)]
pub(crate) struct Failures<K>(Mutex<HashMap<K, u32>>);

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash> Failures<K> {
    /// Counts a failure; how many in a row it makes.
    pub(crate) fn failed(&self, object: K) -> u32 {
        let mut failures = self.lock();
        let count = failures.entry(object).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    /// Forgets an object's failures; how many there were.
    pub(crate) fn succeeded(&self, object: &K) -> u32 {
        self.lock().remove(object).unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after the `failures`th failure in a row; `jitter` is random, in 0..1.
///
/// A conflict is looked at again within a tenth of a second: the newer object is on its way.
pub(crate) fn delay(class: Class, failures: u32, jitter: f64) -> Duration {
    let (first, longest) = match class {
        Class::Conflict => (Duration::from_millis(25), Duration::from_secs(5)),
        Class::Transient => (Duration::from_millis(500), Duration::from_secs(60)),
        Class::Invalid | Class::Bug => (Duration::from_secs(5), Duration::from_secs(300)),
    };
    let exponent = failures.saturating_sub(1).min(MAX_EXPONENT);
    let full = first.saturating_mul(2_u32.saturating_pow(exponent)).min(longest);
    full.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object that keeps failing keeps the API server busy, or is never looked at again.
    #[test]
    fn waits_grow_to_a_bound() {
        let waits: Vec<_> = (1..=10).map(|n| delay(Class::Transient, n, 0.5).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
        assert_eq!(delay(Class::Bug, u32::MAX, 1.0), Duration::from_secs(360));
    }

    /// A thousand objects that failed together come back together, again and again.
    #[test]
    fn jitter_spreads_by_a_fifth_either_way() {
        assert_eq!(delay(Class::Conflict, 1, 0.0), Duration::from_millis(20));
        assert_eq!(delay(Class::Conflict, 1, 1.0), Duration::from_millis(30));
    }

    /// An object that healed long ago still waits minutes for its next failure.
    #[test]
    fn success_forgets() {
        let failures = Failures::default();
        assert_eq!((failures.failed("a"), failures.failed("a"), failures.failed("b")), (1, 2, 1));
        assert_eq!(failures.succeeded(&"a"), 2);
        assert_eq!(failures.failed("a"), 1);
    }
}
