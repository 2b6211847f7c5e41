//! Permits that all keys (tenants, addresses) share, of which each key can hold only a part.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// Number of keys from which on a new key first removes those that hold no permit.
const MIN_KEYS_TO_PURGE: usize = 64;

/// Permits that keys share.
pub struct Shares<K> {
    all: Arc<Semaphore>,
    per_key: usize,
    /// Permits of the keys that hold or wait for some.
    by_key: Mutex<HashMap<K, Weak<Semaphore>>>,
}

/// Permits of one key, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    _own: Option<OwnedSemaphorePermit>,
    _shared: OwnedSemaphorePermit,
}

/// Reason why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// The key holds as many permits as one key may.
    #[error("failed to get a permit: {limit} are in use by the same client")]
    Key {
        /// Maximum number of permits of a key.
        limit: usize,
    },
    /// All permits are in use.
    #[error("failed to get a permit: all are in use")]
    All,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// Creates `all` permits, of which each key can hold at most `per_key`.
    #[must_use]
    pub fn new(all: usize, per_key: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_key, by_key: Mutex::default() }
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    /// Returns an error if the key holds its part already, or if all permits are in use.
    pub fn try_acquire(&self, key: &K) -> Result<Permit, Exhausted> {
        let limit = self.per_key;
        let own = self.permits_of(key).try_acquire_owned().map_err(|_| Exhausted::Key { limit })?;
        let shared = self.all.clone().try_acquire_owned().map_err(|_| Exhausted::All)?;
        Ok(Permit { _own: Some(own), _shared: shared })
    }

    /// Takes `count` permits, at most as many as a key can hold, and waits until they are free. A key that waits for its
    /// own permits delays no other key.
    ///
    /// # Errors
    /// Returns an error if the permits can never be free.
    pub async fn acquire(&self, key: &K, count: u32) -> Result<Permit, Exhausted> {
        let limit = self.per_key;
        if usize::try_from(count).map_or(true, |count| count > limit) {
            return Err(Exhausted::Key { limit });
        }
        // The semaphores are never closed.
        let own = self.permits_of(key).acquire_many_owned(count).await;
        let own = own.map_err(|_| Exhausted::Key { limit })?;
        let shared = self.all.clone().acquire_many_owned(count).await.map_err(|_| Exhausted::All)?;
        Ok(Permit { _own: Some(own), _shared: shared })
    }

    /// Takes `count` permits like [`Self::acquire`], but waits for at most `limit`.
    ///
    /// # Errors
    /// Returns an error if the permits are not free in time.
    pub async fn acquire_within(&self, key: &K, count: u32, limit: Duration) -> Result<Permit, Exhausted> {
        let (deadline, per_key) = (Instant::now() + limit, self.per_key);
        if usize::try_from(count).map_or(true, |count| count > per_key) {
            return Err(Exhausted::Key { limit: per_key });
        }
        let own = timeout_at(deadline, self.permits_of(key).acquire_many_owned(count)).await;
        let own = own.ok().and_then(Result::ok).ok_or(Exhausted::Key { limit: per_key })?;
        let shared = timeout_at(deadline, self.all.clone().acquire_many_owned(count)).await;
        let shared = shared.ok().and_then(Result::ok).ok_or(Exhausted::All)?;
        Ok(Permit { _own: Some(own), _shared: shared })
    }

    /// Takes a permit that belongs to no key, if one is free.
    ///
    /// # Errors
    /// Returns an error if all permits are in use.
    pub fn try_acquire_unkeyed(&self) -> Result<Permit, Exhausted> {
        let shared = self.all.clone().try_acquire_owned().map_err(|_| Exhausted::All)?;
        Ok(Permit { _own: None, _shared: shared })
    }

    /// Returns the maximum number of permits of a key.
    #[must_use]
    pub fn per_key(&self) -> usize {
        self.per_key
    }

    /// Returns the number of permits that a key can still take.
    #[cfg(test)]
    pub(crate) fn available(&self, key: &K) -> usize {
        self.permits_of(key).available_permits()
    }

    fn permits_of(&self, key: &K) -> Arc<Semaphore> {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = by_key.get(key).and_then(Weak::upgrade) {
            return permits;
        }
        if by_key.len() >= MIN_KEYS_TO_PURGE && by_key.len() == by_key.capacity() {
            by_key.retain(|_, permits| permits.strong_count() > 0);
        }
        let permits = Arc::new(Semaphore::new(self.per_key));
        by_key.insert(key.clone(), Arc::downgrade(&permits));
        permits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that holds its part leaves the others theirs, and gets a permit again when it returns one.
    #[test]
    fn no_key_can_hold_all_permits() {
        let shares = Shares::new(3, 2);
        let acme: Vec<_> = std::iter::from_fn(|| shares.try_acquire(&"acme").ok()).collect();
        assert_eq!(acme.len(), 2);
        assert_eq!(shares.try_acquire(&"acme").unwrap_err(), Exhausted::Key { limit: 2 });
        let globex = shares.try_acquire(&"globex").unwrap();
        assert_eq!(shares.try_acquire(&"hooli").unwrap_err(), Exhausted::All);
        drop(acme);
        assert!(shares.try_acquire(&"acme").is_ok());
        drop(globex);
    }

    /// A key that waits for permits of its own delays no other key.
    #[tokio::test]
    async fn a_waiting_key_delays_no_other_key() {
        let shares = Shares::new(4, 2);
        let _held = shares.acquire(&"acme", 2).await.unwrap();
        let waiting = std::pin::pin!(shares.acquire(&"acme", 1));
        assert!(futures::poll!(waiting).is_pending());
        assert!(futures::FutureExt::now_or_never(shares.acquire(&"globex", 2)).unwrap().is_ok());
        assert!(shares.acquire(&"acme", 3).await.is_err(), "more than a key can ever hold");
    }

    /// The memory for keys is bounded by the number of keys in use, not by the number of keys ever seen.
    #[test]
    fn keys_without_permits_are_forgotten() {
        let shares = Shares::new(8, 2);
        for key in 0..100_000 {
            shares.try_acquire(&key).unwrap();
        }
        assert!(shares.by_key.lock().unwrap().len() < 1_000);
    }
}
