//! Times since which image pulls of runner pods have been failing. A pod's status does not record them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

/// Time at which the image pull of each pod was first observed to fail, by pod UID.
#[derive(Debug, Default)]
pub(crate) struct ImagePulls(Mutex<HashMap<String, Timestamp>>);

impl ImagePulls {
    /// Returns the time since which the image pull of a pod has been failing: `now` at the first observation.
    pub(crate) fn failing_since(&self, pod_uid: &str, now: Timestamp) -> Timestamp {
        *self.lock().entry(pod_uid.to_owned()).or_insert(now)
    }

    /// Removes all pods for which `exists` returns false.
    pub(crate) fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.lock().retain(|pod, _| exists(pod));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
