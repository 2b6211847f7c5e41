//! Tenants whose vector storage was checked, so that other changes of their objects cause no requests.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crds::{Plan, Tenant, conditions};
use tokio::time::Instant;

/// Interval at which vector storage is checked again, since no watch shows its changes.
pub(crate) const VECTOR_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// What the set-up depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    plan: Option<String>,
    plan_generation: Option<i64>,
    generation: Option<i64>,
}

impl Fingerprint {
    /// Returns what the set-up of a tenant depends on.
    pub(crate) fn new(tenant: &Tenant, plan: &Plan) -> Self {
        Self {
            plan: plan.metadata.uid.clone(),
            plan_generation: plan.metadata.generation,
            generation: tenant.metadata.generation,
        }
    }
}

/// The checked tenants, by UID. A check is repeated after [`VECTOR_CHECK_INTERVAL`].
#[derive(Default)]
pub(crate) struct VerifiedVectors(Mutex<HashMap<String, (Fingerprint, Instant)>>);

impl VerifiedVectors {
    /// Returns the time until the next check, if the tenant was checked with the same fingerprint and says so in its status.
    pub(crate) fn next_check(&self, tenant: &Tenant, fingerprint: &Fingerprint) -> Option<Duration> {
        let status = tenant.status.as_ref()?;
        let reported = conditions::get(&status.conditions, conditions::VECTOR_STORE_READY)?;
        let is_current = reported.observed_generation == tenant.metadata.generation;
        let checked = self.lock();
        let (known, at) = checked.get(tenant.metadata.uid.as_ref()?)?;
        let remaining = VECTOR_CHECK_INTERVAL.checked_sub(at.elapsed())?;
        (is_current && known == fingerprint).then_some(remaining)
    }

    /// Records that a tenant was checked.
    pub(crate) fn record(&self, uid: &str, fingerprint: Fingerprint) {
        let mut checked = self.lock();
        // Deleted tenants are forgotten a while after their last check.
        checked.retain(|_, (_, at)| at.elapsed() < 2 * VECTOR_CHECK_INTERVAL);
        checked.insert(uid.to_owned(), (fingerprint, Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Fingerprint, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenant that was checked causes no requests until it or its plan changes, or its condition is lost.
    #[test]
    fn a_checked_tenant_is_checked_again_when_something_changed() {
        let tenant = |generation: i64, conditions: &str| -> Tenant {
            let text = format!(
                "{{metadata: {{name: acme, uid: u1, generation: {generation}}}, spec: {{planRef: {{name: starter}}}}, \
                 status: {{conditions: {conditions}}}}}"
            );
            serde_yaml::from_str(&text).unwrap()
        };
        let ready = "[{type: VectorStoreReady, status: 'True', reason: Ready, message: '', observedGeneration: 1, \
                     lastTransitionTime: '2026-11-24T08:00:00Z'}]";
        let mut plan = Plan::new("starter", Default::default());
        let (verified, current) = (VerifiedVectors::default(), tenant(1, ready));
        let known = Fingerprint::new(&current, &plan);
        assert_eq!(verified.next_check(&current, &known), None);
        verified.record("u1", known.clone());
        assert!(verified.next_check(&current, &known).is_some());
        assert_eq!(verified.next_check(&tenant(1, "[]"), &known), None);
        assert_eq!(verified.next_check(&tenant(2, ready), &Fingerprint::new(&tenant(2, ready), &plan)), None);
        plan.metadata.generation = Some(5);
        assert_eq!(verified.next_check(&current, &Fingerprint::new(&current, &plan)), None);
    }
}
