//! Rate of the Events about a tenant's objects. A tenant that starts and deletes runs without end would otherwise fill etcd with
//! Events, which Kubernetes stores for an hour.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference as _},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

/// Number of Events a second about the objects of a tenant. In an hour, those of one tenant take about 20 MiB.
pub(super) const EVENTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(5).expect("5 is not zero");
/// Number of Events that a tenant may have at once, such as those of fifty runs that begin and end together.
const BURST: NonZeroU32 = NonZeroU32::new(300).expect("300 is not zero");
/// Minimum time between two Events of a tenant that say how many were not published. It is also the time after which all Events
/// of a tenant are replenished, so that nothing has to be known of it any more.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);

/// Limits how many Events are published about the objects of each tenant.
pub(super) struct EventRates<C: Clock = DefaultClock> {
    clock: C,
    tenants: Mutex<HashMap<String, TenantRate<C>>>,
}

struct TenantRate<C: Clock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    /// Number of Events that were not published and that no Event has reported.
    dropped: u64,
    reported_at: Option<C::Instant>,
    used_at: C::Instant,
}

/// Decision about an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The Event is published, and another one that reports how many were not, unless that is `None`.
    Admitted(Option<u64>),
    /// The Event is not published.
    Refused,
}

impl<C: Clock + Clone> EventRates<C> {
    pub(super) fn new(clock: C) -> Self {
        Self { clock, tenants: Mutex::default() }
    }

    /// Counts an Event of a tenant.
    pub(super) fn admit(&self, tenant: &str) -> Admission {
        self.with(tenant, |rate, now| {
            if rate.limiter.check().is_err() {
                rate.dropped += 1;
                return Admission::Refused;
            }
            let is_due =
                rate.reported_at.is_none_or(|last| now.duration_since(last) >= Nanos::from(SUMMARY_INTERVAL));
            if rate.dropped == 0 || !is_due {
                return Admission::Admitted(None);
            }
            rate.reported_at = Some(now);
            Admission::Admitted(Some(std::mem::take(&mut rate.dropped)))
        })
    }

    /// Counts an Event that was admitted and is not published nevertheless.
    pub(super) fn record_dropped(&self, tenant: &str) {
        self.with(tenant, |rate, _| rate.dropped += 1);
    }

    /// Takes back the report of a number of Events that were not published, since it could not be published either.
    pub(super) fn record_unreported(&self, tenant: &str, dropped: u64) {
        self.with(tenant, |rate, _| {
            rate.dropped += dropped;
            rate.reported_at = None;
        });
    }

    fn with<T>(&self, tenant: &str, run: impl FnOnce(&mut TenantRate<C>, C::Instant) -> T) -> T {
        let now = self.clock.now();
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if !tenants.contains_key(tenant) {
            tenants.retain(|_, rate| now.duration_since(rate.used_at) < Nanos::from(SUMMARY_INTERVAL));
        }
        let rate = tenants.entry(tenant.to_owned()).or_insert_with(|| TenantRate {
            limiter: RateLimiter::direct_with_clock(
                Quota::per_second(EVENTS_PER_SECOND).allow_burst(BURST),
                self.clock.clone(),
            ),
            dropped: 0,
            reported_at: None,
            used_at: now,
        });
        rate.used_at = now;
        run(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn admitted(rates: &EventRates<FakeRelativeClock>, tenant: &str, count: usize) -> Vec<Admission> {
        let decisions = (0..count).map(|_| rates.admit(tenant));
        decisions.filter(|decision| *decision != Admission::Refused).collect()
    }

    /// A tenant that causes hundreds of Events a second has a few of them published; another tenant has all of its own.
    #[test]
    fn a_flood_of_one_tenant_is_limited_and_another_tenant_is_not_affected() {
        let clock = FakeRelativeClock::default();
        let rates = EventRates::new(clock.clone());
        assert_eq!(admitted(&rates, "t-acme", 10_000).len(), 300);
        assert_eq!(admitted(&rates, "t-globex", 300).len(), 300);
        clock.advance(Duration::from_secs(10));
        assert_eq!(admitted(&rates, "t-acme", 10_000).len(), 50);
    }

    /// What was not published is reported once, as soon as an Event is admitted again, and then at most once a minute.
    #[test]
    fn dropped_events_are_reported_once() {
        let clock = FakeRelativeClock::default();
        let rates = EventRates::new(clock.clone());
        admitted(&rates, "t-acme", 310);
        rates.record_dropped("t-acme");
        clock.advance(Duration::from_secs(1));
        let reports = admitted(&rates, "t-acme", 100);
        assert_eq!(reports[..2], [Admission::Admitted(Some(11)), Admission::Admitted(None)]);
        rates.record_unreported("t-acme", 11);
        clock.advance(Duration::from_secs(1));
        assert_eq!(rates.admit("t-acme"), Admission::Admitted(Some(106)), "95 were refused since");
        assert_eq!(admitted(&rates, "t-acme", 400), [Admission::Admitted(None); 4]);
        clock.advance(Duration::from_secs(59));
        assert_eq!(rates.admit("t-acme"), Admission::Admitted(None));
        clock.advance(Duration::from_secs(1));
        assert_eq!(rates.admit("t-acme"), Admission::Admitted(Some(396)));
    }

    /// Tenants without Events take no memory.
    #[test]
    fn idle_tenants_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let rates = EventRates::new(clock.clone());
        for tenant in 0..100 {
            rates.admit(&tenant.to_string());
        }
        clock.advance(SUMMARY_INTERVAL);
        rates.admit("t-acme");
        assert_eq!(rates.tenants.lock().unwrap().len(), 1);
    }
}
