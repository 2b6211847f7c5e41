//! Requests for the tenant of a child that somebody has changed or deleted.

use super::{reflect::Change, requeue::ReconcileRequest};
use crate::state::{ChildKey, ObservedChildren, WatchedChild};

/// Records a change of a child, and returns a request for its tenant if the content of the child may differ from what the operator
/// builds. Changes of a child's status are ignored: that of the quota changes with every pod.
pub(super) fn for_child<K: WatchedChild>(
    children: &ObservedChildren,
    change: &Change<K>,
) -> Vec<ReconcileRequest> {
    let child = change.object().as_ref();
    let Some(tenant) = child.tenant() else { return Vec::new() };
    let key = ChildKey::new(child);
    let has_drifted = match change {
        Change::Applied { current, .. } => children.observe(key, tenant, current.stored().clone()),
        Change::Deleted(_) => children.record_deleted(&key, child.meta().uid.as_deref().unwrap_or_default()),
    };
    if has_drifted { vec![ReconcileRequest::for_tenant(tenant)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::ResourceQuota;

    use super::*;
    use crate::state::ChildObject;

    fn quota(pods: &str, used: &str) -> Change<ChildObject<ResourceQuota>> {
        let text = format!(
            "metadata: {{name: smb-tenant, uid: u1, labels: {{smbcopilot.dev/tenant: acme}}, managedFields: [{{manager: \
             smb-copilot-operator, operation: Apply, fieldsV1: {{'f:spec': {{'f:hard': {{'f:pods': {{}}}}}}}}}}]}}\n\
             spec: {{hard: {{pods: '{pods}'}}}}\nstatus: {{used: {{pods: '{used}'}}}}"
        );
        Change::Applied { previous: None, current: Arc::new(serde_yaml::from_str(&text).unwrap()) }
    }

    /// A changed spec sets the tenant up again; a changed status, as of the quota with every pod, does not.
    #[test]
    fn a_changed_spec_is_drift_and_a_changed_status_is_not() {
        let children = ObservedChildren::default();
        assert_eq!(for_child(&children, &quota("20", "0")), [ReconcileRequest::for_tenant("acme")]);
        assert_eq!(for_child(&children, &quota("20", "1")), []);
        assert_eq!(for_child(&children, &quota("900", "1")), [ReconcileRequest::for_tenant("acme")]);
    }
}
