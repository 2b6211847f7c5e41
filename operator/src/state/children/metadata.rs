//! What the metadata of a child tells about who has written it.

use crds::constants::OPERATOR_MANAGER;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

/// Returns whether the operator has applied the child.
pub(super) fn is_ours(metadata: &ObjectMeta) -> bool {
    spec_writes(metadata).any(is_own)
}

/// Returns the writes of everything but the status.
pub(super) fn spec_writes(metadata: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    let writes = metadata.managed_fields.iter().flatten();
    writes.filter(|write| write.subresource.as_deref() != Some("status"))
}

/// Returns whether a write was made by server-side apply in the name of the operator.
pub(super) fn is_own(write: &ManagedFieldsEntry) -> bool {
    write.manager.as_deref() == Some(OPERATOR_MANAGER) && write.operation.as_deref() == Some("Apply")
}
