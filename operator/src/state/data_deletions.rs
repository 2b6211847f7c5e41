//! When the operator began to wait until the api-server has deleted the data of a tenant.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Time after which a tenant is forgotten that was not reconciled any more: ten times the interval at which its cleanup is checked.
const FORGET_AFTER: Duration = Duration::from_secs(100);

/// When each wait began and was last checked, by the UID of the tenant. After a restart, the waits begin anew.
#[derive(Default)]
pub(crate) struct DataDeletions(Mutex<HashMap<String, (Instant, Instant)>>);

impl DataDeletions {
    /// Returns for how long the operator has been waiting for the data of a tenant.
    pub(crate) fn time_since_first(&self, uid: &str) -> Duration {
        let (now, mut waits) = (Instant::now(), self.lock());
        waits.retain(|_, (_, checked)| checked.elapsed() < FORGET_AFTER);
        let (since, checked) = waits.entry(uid.to_owned()).or_insert((now, now));
        *checked = now;
        since.elapsed()
    }

    /// Forgets a tenant whose data is deleted.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
