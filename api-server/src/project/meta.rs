//! Projects the columns that all kinds have.

use kube::core::ObjectMeta;

use super::{Identity, Malformed, Meta, Object};

/// Builds the common columns. The time of the last write is taken from the managed fields: an object has no
/// other record of it.
pub(super) fn project(object: &Object, metadata: ObjectMeta) -> Result<Meta, Malformed> {
    let Identity { kind: _, uid, namespace: _, name, resource_version } = &object.identity;
    let created_at = metadata.creation_timestamp.ok_or(Malformed::Missing("metadata.creationTimestamp"))?.0;
    let writes = metadata.managed_fields.unwrap_or_default().into_iter();
    let written = writes.filter_map(|entry| entry.time).map(|time| time.0).max();
    Ok(Meta {
        uid: *uid,
        name: name.clone(),
        resource_version: *resource_version,
        generation: metadata.generation.unwrap_or(1),
        created_at: created_at.into(),
        updated_at: written.unwrap_or(created_at).max(created_at).into(),
    })
}
