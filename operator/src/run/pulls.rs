//! Since when pods wait for images that do not come: their status does not say.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

/// When the image of a pod, by uid, was first seen not to come.
#[derive(Debug, Default)]
pub(crate) struct Pulls(Mutex<HashMap<String, Timestamp>>);

impl Pulls {
    /// Since when; now, if it was not known before.
    pub(super) fn failing_since(&self, pod: &str, now: Timestamp) -> Timestamp {
        *self.lock().entry(pod.to_owned()).or_insert(now)
    }

    /// Forgets the pods that are gone.
    pub(super) fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|pod, _| is_there(pod));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
