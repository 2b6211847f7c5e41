//! Capacity that tenants share, and of which none can hold more than its share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Capacity in permits. Each tenant holds at most its share of them, and has at most that many requests in the queue of
/// all tenants, which is first in, first out: however much one tenant requests, another waits for a few permits only.
#[derive(Debug)]
pub struct Shares {
    total: Arc<Semaphore>,
    per_tenant: usize,
    /// Shares of the tenants that hold a permit or wait for one.
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// Right to use one unit of the capacity. It is released when it is dropped.
#[derive(Debug)]
pub struct Permit {
    /// Part that counts towards the total.
    pub(crate) total: OwnedSemaphorePermit,
    /// Part that counts towards the share of the tenant.
    pub(crate) share: OwnedSemaphorePermit,
}

impl Shares {
    /// Returns a capacity of `total` permits, at most `per_tenant` of which go to one tenant.
    #[must_use]
    pub fn new(total: usize, per_tenant: usize) -> Self {
        Self { total: Arc::new(Semaphore::new(total)), per_tenant, tenants: Mutex::default() }
    }

    /// Waits for a permit.
    pub async fn acquire(&self, tenant: &str) -> Permit {
        let share = acquire(self.share(tenant)).await;
        Permit { total: acquire(Arc::clone(&self.total)).await, share }
    }

    /// Returns a permit if one is available now.
    pub fn try_acquire(&self, tenant: &str) -> Option<Permit> {
        let share = self.share(tenant).try_acquire_owned().ok()?;
        Some(Permit { total: Arc::clone(&self.total).try_acquire_owned().ok()?, share })
    }

    fn share(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = tenants.get(tenant) {
            return Arc::clone(share);
        }
        tenants.retain(|_, share| Arc::strong_count(share) > 1);
        let share = Arc::new(Semaphore::new(self.per_tenant));
        tenants.insert(tenant.to_owned(), Arc::clone(&share));
        share
    }
}

async fn acquire(permits: Arc<Semaphore>) -> OwnedSemaphorePermit {
    permits.acquire_owned().await.expect("these semaphores are never closed")
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, future::join_all};

    use super::*;

    /// A tenant with any number of requests holds its share, and another tenant gets a permit at once.
    #[tokio::test]
    async fn a_tenant_holds_at_most_its_share() {
        let shares = Shares::new(4, 2);
        let mut flood = Box::pin(join_all((0..1_000).map(|_| shares.acquire("acme"))));
        assert!(flood.as_mut().now_or_never().is_none(), "998 requests are waiting");
        let others = (shares.acquire("globex").now_or_never(), shares.acquire("hooli").now_or_never());
        assert!(matches!(others, (Some(_), Some(_))), "{others:?}");
    }

    /// While the whole capacity is in use, a tenant waits behind a few requests of each other tenant, not behind all.
    #[tokio::test]
    async fn tenants_take_turns() {
        let shares = Shares::new(1, 1);
        let first = shares.acquire("acme").await;
        let mut flood = Box::pin(join_all((0..1_000).map(|_| shares.acquire("acme"))));
        assert!(flood.as_mut().now_or_never().is_none());
        let mut other = Box::pin(shares.acquire("globex"));
        assert!(other.as_mut().now_or_never().is_none(), "the only permit is held by acme");
        drop(first);
        assert!(flood.as_mut().now_or_never().is_none());
        assert!(other.now_or_never().is_some(), "globex is next");
    }

    /// A tenant that does not wait is refused a permit beyond its share, and another one is not.
    #[test]
    fn a_permit_beyond_the_share_is_refused() {
        let shares = Shares::new(2, 1);
        let first = shares.try_acquire("acme").unwrap();
        assert!(shares.try_acquire("acme").is_none());
        let other = shares.try_acquire("globex").unwrap();
        assert!(shares.try_acquire("hooli").is_none(), "the whole capacity is in use");
        drop((first, other));
        assert!(shares.try_acquire("acme").is_some());
    }

    /// Tenants without a permit take no memory.
    #[tokio::test]
    async fn idle_tenants_are_forgotten() {
        let shares = Shares::new(2, 1);
        let held = shares.acquire("acme").await;
        for tenant in 0..100 {
            drop(shares.acquire(&tenant.to_string()).await);
        }
        assert_eq!(shares.tenants.lock().unwrap().len(), 2, "acme and the last one");
        drop(held);
    }
}
