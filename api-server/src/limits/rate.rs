//! Request rates: each key has a number of requests a minute, which it may use at once and which is then replenished
//! evenly.

use std::{hash::Hash, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use moka::{policy::EvictionPolicy, sync::Cache};

/// Maximum number of keys. When there are more, those that were used least recently start again with all requests.
const MAX_KEYS: u64 = 20_000;
/// Time in which the requests of a key are replenished. An unused key is forgotten after it.
const WINDOW: Duration = Duration::from_secs(60);

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Request rates by key. A key with another limit counts as another key, so that a change of the limit applies at once.
pub struct Rates<K>(Cache<(K, NonZeroU32), Arc<Limiter>>);

/// Requests that a key may still send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: NonZeroU32,
    /// Requests that may be sent at once.
    pub remaining: u32,
    /// Time after which all requests are replenished, or the next one if none remains.
    pub reset: Duration,
}

/// A key has sent too many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept the request: more than {} requests a minute", .0.limit)]
pub struct RateExceeded(pub Allowance);

impl<K: Eq + Hash + Send + Sync + 'static> Rates<K> {
    /// Counts a request of a key, which may send `limit` requests a minute.
    ///
    /// # Errors
    /// Returns an error if the key has sent too many requests. The request is then not counted.
    pub fn count(&self, key: K, limit: NonZeroU32) -> Result<Allowance, RateExceeded> {
        let limiter = self.0.get_with((key, limit), || Arc::new(limiter(limit)));
        match limiter.check() {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let reset = WINDOW * limit.get().saturating_sub(remaining) / limit.get();
                Ok(Allowance { limit, remaining, reset })
            }
            Err(until) => {
                let reset = until.wait_time_from(DefaultClock::default().now());
                Err(RateExceeded(Allowance { limit, remaining: 0, reset }))
            }
        }
    }
}

impl<K: Eq + Hash + Send + Sync + 'static> Rates<K> {
    /// Counts several requests of a key at once: all of them, or none. At most as many as the key may send in a minute are
    /// counted.
    ///
    /// # Errors
    /// Returns an error if the key may not send as many now.
    pub fn count_many(&self, key: K, limit: NonZeroU32, requests: NonZeroU32) -> Result<(), RateExceeded> {
        let limiter = self.0.get_with((key, limit), || Arc::new(limiter(limit)));
        match limiter.check_n(requests.min(limit)) {
            Ok(Err(until)) => {
                let reset = until.wait_time_from(DefaultClock::default().now());
                Err(RateExceeded(Allowance { limit, remaining: 0, reset }))
            }
            // The number is not above the limit, so that there is always capacity for it.
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }
}

impl<K: Eq + Hash + Send + Sync + 'static> Default for Rates<K> {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(MAX_KEYS).time_to_idle(WINDOW);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }
}

fn limiter(limit: NonZeroU32) -> Limiter {
    RateLimiter::direct(Quota::per_minute(limit)).with_middleware()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Several requests are counted together, or not at all.
    #[test]
    fn several_requests_are_counted_together() {
        let (rates, number) = (Rates::default(), |number| NonZeroU32::new(number).unwrap());
        assert!(rates.count_many("acme", number(10), number(8)).is_ok());
        assert!(rates.count_many("acme", number(10), number(8)).is_err());
        assert_eq!(rates.count("acme", number(10)).unwrap().remaining, 1);
        assert!(rates.count_many("globex", number(10), number(100)).is_ok());
        assert!(rates.count("globex", number(10)).is_err());
    }

    /// A key that has used its requests is refused until one is replenished, and other keys are not affected.
    #[test]
    fn each_key_has_requests_of_its_own() {
        let (rates, limit) = (Rates::default(), NonZeroU32::new(2).unwrap());
        assert_eq!(rates.count("acme", limit).unwrap().remaining, 1);
        assert_eq!(rates.count("acme", limit).unwrap().remaining, 0);
        let RateExceeded(Allowance { reset, .. }) = rates.count("acme", limit).unwrap_err();
        assert!(reset > Duration::ZERO && reset <= Duration::from_secs(30), "{reset:?}");
        assert_eq!(rates.count("globex", limit).unwrap().remaining, 1);
        assert!(rates.count("acme", NonZeroU32::new(3).unwrap()).is_ok(), "a higher limit applies at once");
    }
}
