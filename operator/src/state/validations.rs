//! Fingerprints of what each workflow was last validated with, which save reading and validating it at every reconcile.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Time after which a workflow is validated again although nothing is known to have changed, at its next reconcile.
const VALIDATION_TTL: SignedDuration = SignedDuration::from_mins(5);

/// Fingerprint and time of the last validation of each workflow whose result is in the workflow's status, by UID. After a
/// restart the operator validates each workflow once.
#[derive(Debug, Default)]
pub(crate) struct Validations(Mutex<HashMap<String, (u64, Timestamp)>>);

impl Validations {
    /// Returns whether a workflow was validated recently with what has this fingerprint.
    pub(crate) fn is_current(&self, workflow_uid: &str, fingerprint: u64, now: Timestamp) -> bool {
        self.lock()
            .get(workflow_uid)
            .is_some_and(|(known, at)| *known == fingerprint && now.duration_since(*at) < VALIDATION_TTL)
    }

    /// Records a validation whose result was written into the status of the workflow.
    pub(crate) fn record(&self, workflow_uid: String, fingerprint: u64, now: Timestamp) {
        self.lock().insert(workflow_uid, (fingerprint, now));
    }

    /// Forgets the last validation of a workflow, so that it is validated at its next reconcile.
    pub(crate) fn forget(&self, workflow_uid: &str) {
        self.lock().remove(workflow_uid);
    }

    /// Removes all workflows for which `exists` returns false.
    pub(crate) fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.lock().retain(|workflow, _| exists(workflow));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (u64, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
