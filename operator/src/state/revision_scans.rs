//! Results of the last scan of each workflow's revisions, which save listing them at every reconcile.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The last scan of each workflow's revisions, by workflow UID. After a restart the operator scans each workflow once.
#[derive(Debug, Default)]
pub(crate) struct RevisionScans(Mutex<HashMap<String, RevisionScan>>);

/// Result of one scan of a workflow's revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevisionScan {
    /// Revision that new runs got at the time of the scan.
    pub(crate) current: String,
    /// Revisions that would have been deleted if no run had used them.
    pub(crate) retained: Vec<String>,
}

impl RevisionScan {
    /// Returns whether there may be a revision to delete that the scan has not found.
    fn is_outdated(&self, current: &str, used: &[String]) -> bool {
        self.current != current || self.retained.iter().any(|retained| !used.contains(retained))
    }
}

impl RevisionScans {
    /// Returns whether a workflow's revisions have to be scanned, given its current revision and the used ones.
    pub(crate) fn is_outdated(&self, workflow_uid: &str, current: &str, used: &[String]) -> bool {
        self.lock().get(workflow_uid).is_none_or(|scan| scan.is_outdated(current, used))
    }

    /// Records a scan.
    pub(crate) fn record(&self, workflow_uid: String, scan: RevisionScan) {
        self.lock().insert(workflow_uid, scan);
    }

    /// Removes all workflows for which `exists` returns false.
    pub(crate) fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.lock().retain(|workflow, _| exists(workflow));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, RevisionScan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Revisions are scanned again when the current revision or the use of an old one changes, and not otherwise.
    #[test]
    fn a_scan_is_outdated_when_a_revision_may_have_become_unused() {
        let scan = RevisionScan { current: "intake-13".to_owned(), retained: names(&["intake-2"]) };
        assert!(!scan.is_outdated("intake-13", &names(&["intake-13", "intake-2"])));
        assert!(scan.is_outdated("intake-13", &names(&["intake-13"])));
        assert!(scan.is_outdated("intake-14", &names(&["intake-2"])));
    }
}
