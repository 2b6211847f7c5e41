//! Whether the data of a deleted tenant is deleted or retained. Pure.

use crds::{
    Tenant, labels,
    tenant::{DeletionPolicy, TenantState},
};
use kube::ResourceExt as _;

/// State of the CustomResourceDefinition of tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    /// The definition exists.
    Present,
    /// The definition is being deleted, or does not exist any more.
    Deleted,
}

/// Handling of the data of a deleted tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataPolicy {
    /// The data is retained, for this reason.
    Retain(&'static str),
    /// The data is deleted.
    Delete,
}

/// Returns the handling of a deleted tenant's data. When the definition of tenants is deleted, Kubernetes deletes all tenants
/// without any admission policy; therefore what the policies require is required here again.
pub(super) fn data_policy(tenant: &Tenant, definition: Definition) -> DataPolicy {
    if tenant.spec.deletion_policy.unwrap_or_default() == DeletionPolicy::Retain {
        DataPolicy::Retain("spec.deletionPolicy is Retain")
    } else if definition == Definition::Deleted {
        DataPolicy::Retain("the definition of tenants was deleted, and not this tenant alone")
    } else if is_archived(tenant) || is_confirmed(tenant) {
        DataPolicy::Delete
    } else {
        DataPolicy::Retain(
            "the tenant is not archived and has no annotation smbcopilot.dev/confirm-delete with its name",
        )
    }
}

fn is_archived(tenant: &Tenant) -> bool {
    tenant.spec.state == Some(TenantState::Archived)
        && tenant.status.as_ref().is_some_and(|status| status.archived_at.is_some())
}

fn is_confirmed(tenant: &Tenant) -> bool {
    tenant.annotations().get(labels::CONFIRM_DELETE) == tenant.metadata.name.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(annotations: &str, spec: &str, status: &str, definition: Definition) -> DataPolicy {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: acme, annotations: {annotations}}}, \
             spec: {{planRef: {{name: starter}}, {spec}}}, status: {status}}}"
        );
        data_policy(&serde_yaml::from_str(&text).unwrap(), definition)
    }

    /// Data is deleted only if the spec says so and the deletion of this tenant was confirmed or prepared by archiving it. If
    /// the definition of all tenants is deleted, nothing is.
    #[test]
    fn data_is_deleted_only_on_an_explicit_word() {
        let confirmed = "{smbcopilot.dev/confirm-delete: acme}";
        let archived = "{archivedAt: '2026-11-24T08:00:00Z'}";
        let (delete, archive) = ("deletionPolicy: Delete", "deletionPolicy: Delete, state: Archived");
        for (annotations, spec, status) in [(confirmed, delete, "{}"), ("{}", archive, archived)] {
            assert_eq!(policy(annotations, spec, status, Definition::Present), DataPolicy::Delete);
            let retained = policy(annotations, spec, status, Definition::Deleted);
            assert!(matches!(retained, DataPolicy::Retain(_)), "{spec}");
        }
        for (annotations, spec, status) in [
            (confirmed, "state: Archived", archived),
            ("{}", delete, "{}"),
            ("{smbcopilot.dev/confirm-delete: globex}", delete, "{}"),
            ("{}", archive, "{}"),
            ("{}", delete, archived),
        ] {
            let retained = policy(annotations, spec, status, Definition::Present);
            assert!(matches!(retained, DataPolicy::Retain(_)), "{annotations} {spec} {status}");
        }
    }
}
