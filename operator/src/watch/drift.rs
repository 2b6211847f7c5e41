//! Detection of changes to a tenant's children, after which the tenant is set up again. Changes of a child's
//! status are ignored.
//!
//! The status of the quota changes with every pod, and a tenant has about sixteen children to apply again.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, PoisonError},
};

use crds::labels;
use kube::Resource;

use super::{reflect::Change, requeue::ReconcileRequest};

/// Fingerprint of each child when it was last observed, by UID.
#[derive(Debug, Default)]
pub(super) struct DriftDetector(Mutex<HashMap<String, u64>>);

impl DriftDetector {
    /// Returns a request for the child's tenant if the child is new, was changed or was deleted.
    pub(super) fn requests<K: Resource>(&self, change: &Change<K>) -> Vec<ReconcileRequest> {
        let child = change.object();
        let uid = child.meta().uid.clone().unwrap_or_default();
        let mut fingerprints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_drifted = match change {
            Change::Applied(child) => {
                let now = fingerprint(child.as_ref());
                fingerprints.insert(uid, now) != Some(now)
            }
            Change::Deleted(_) => {
                fingerprints.remove(&uid);
                true
            }
        };
        let tenant = child.meta().labels.as_ref().and_then(|labels| labels.get(labels::TENANT));
        let drifted = tenant.filter(|_| has_drifted);
        drifted.map(|tenant| ReconcileRequest::for_tenant(tenant)).into_iter().collect()
    }
}

/// Returns a hash of the labels and the managed fields (manager, time and set of fields), except those of the
/// status.
fn fingerprint<K: Resource>(child: &K) -> u64 {
    let meta = child.meta();
    let mut hash = DefaultHasher::new();
    meta.labels.hash(&mut hash);
    meta.deletion_timestamp.is_some().hash(&mut hash);
    let writes = meta.managed_fields.iter().flatten();
    for write in writes.filter(|write| write.subresource.as_deref() != Some("status")) {
        (&write.manager, &write.operation).hash(&mut hash);
        write.time.as_ref().map(|time| time.0.as_nanosecond()).hash(&mut hash);
        write.fields_v1.as_ref().map(|fields| fields.0.to_string()).hash(&mut hash);
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::ResourceQuota;

    use super::*;

    fn quota(spec_written: &str, status_written: &str) -> Change<ResourceQuota> {
        let text = format!(
            "metadata: {{uid: u1, labels: {{smbcopilot.dev/tenant: acme}}, managedFields: [{{manager: a, time: \
             '{spec_written}'}}, {{manager: kcm, subresource: status, time: '{status_written}'}}]}}"
        );
        Change::Applied(Arc::new(serde_yaml::from_str(&text).unwrap()))
    }

    /// A changed spec sets the tenant up again; a changed status, as of the quota with every pod, does not.
    #[test]
    fn a_changed_spec_is_drift_and_a_changed_status_is_not() {
        let drift = DriftDetector::default();
        let (early, late) = ("2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z");
        assert_eq!(drift.requests(&quota(early, early)), [ReconcileRequest::for_tenant("acme")]);
        assert_eq!(drift.requests(&quota(early, late)), []);
        assert_eq!(drift.requests(&quota(late, late)), [ReconcileRequest::for_tenant("acme")]);
    }
}
