//! Whether somebody changed a child of a tenant: its status is not a change.
//!
//! The quota's status changes with every pod, and a tenant has some sixteen children to apply again.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, PoisonError},
};

use crds::labels;
use kube::Resource;

use super::{Change, kicks::Kick};

/// What was last seen of each child, by uid, as a hash of who wrote what and when.
#[derive(Debug, Default)]
pub(super) struct Drift(Mutex<HashMap<String, u64>>);

impl Drift {
    /// The tenant, where the child is new, changed or gone.
    pub(super) fn kicks<K: Resource>(&self, change: &Change<K>) -> Vec<Kick> {
        let child = change.object();
        let uid = child.meta().uid.clone().unwrap_or_default();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let drifted = match change {
            Change::Seen(child) => {
                let now = fingerprint(child.as_ref());
                seen.insert(uid, now) != Some(now)
            }
            Change::Gone(_) => {
                seen.remove(&uid);
                true
            }
        };
        let tenant = child.meta().labels.as_ref().and_then(|labels| labels.get(labels::TENANT));
        tenant.filter(|_| drifted).map(|tenant| Kick::tenant(tenant)).into_iter().collect()
    }
}

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
        Change::Seen(Arc::new(serde_yaml::from_str(&text).unwrap()))
    }

    /// Every pod that comes or goes has its tenant set up again; or a quota that somebody raised stays so.
    #[test]
    fn a_status_is_no_drift_and_a_spec_is() {
        let drift = Drift::default();
        let (early, late) = ("2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z");
        assert_eq!(drift.kicks(&quota(early, early)), [Kick::tenant("acme")]);
        assert_eq!(drift.kicks(&quota(early, late)), []);
        assert_eq!(drift.kicks(&quota(late, late)), [Kick::tenant("acme")]);
    }
}
