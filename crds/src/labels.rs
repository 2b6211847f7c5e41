//! Labels and annotations that the platform sets or reads.

use std::collections::BTreeMap;

/// Label: slug of the tenant that an object belongs to. It also marks a namespace as managed by the operator.
pub const TENANT: &str = "smbcopilot.dev/tenant";
/// Label: name of the workflow that a child object belongs to.
pub const WORKFLOW: &str = "smbcopilot.dev/workflow";
/// Label: name of the workflow revision that a child object belongs to.
pub const REVISION: &str = "smbcopilot.dev/revision";
/// Label: name of the run that a child object belongs to, if it belongs to one run only.
pub const RUN: &str = "smbcopilot.dev/run";
/// Label: name of the parent run of a sub-run.
pub const PARENT: &str = "smbcopilot.dev/parent";
/// Label: name of the schedule that created a run.
pub const SCHEDULE: &str = "smbcopilot.dev/schedule";
/// Label: `true` on a runner Job that executes several runs one after the other and so belongs to none of them.
pub const POOL: &str = "smbcopilot.dev/pool";
/// Annotation: UID of the Tenant for which a namespace was created. A namespace with another UID belongs to another
/// tenant.
pub const TENANT_UID: &str = "smbcopilot.dev/tenant-uid";
/// Annotation: slug of the tenant that may adopt an existing namespace. Whoever manages the namespace sets it; the operator
/// must not.
pub const ADOPT_BY: &str = "smbcopilot.dev/adopt-by";
/// Annotation: slug of the Tenant, on a Tenant that may be deleted although it is not archived.
pub const CONFIRM_DELETE: &str = "smbcopilot.dev/confirm-delete";
/// Annotation: UID of the deleted Tenant whose namespace and data a new Tenant of the same name takes over.
pub const RESTORE_FROM: &str = "smbcopilot.dev/restore-from";
/// Label: `Archived` on the namespace of a tenant that is to be archived. Admission policies refuse new runs and changes of
/// workflows in it.
pub const TENANT_STATE: &str = "smbcopilot.dev/tenant-state";
/// Annotation: `true` on a namespace that the operator has created. It never deletes another one, such as one that a tenant has
/// adopted, also if the permission to adopt it has been withdrawn since.
pub const CREATED: &str = "smbcopilot.dev/created";
/// Annotation: digests of the idempotency key and of the content of the request that created a workflow or a tenant by the API,
/// so that a repetition of the request finds it.
pub const CREATED_BY_REQUEST: &str = "smbcopilot.dev/created-by-request";
/// Annotation: position in a trace (W3C Trace Context) of the request, or of the step of another run, that started a run. Only the api-server
/// and runners set it. Its value is read as that of any client: one that is not valid has no effect.
pub const TRACEPARENT: &str = "smbcopilot.dev/traceparent";
/// Label: `true` on a Secret that workflows may use.
pub const WORKFLOW_SECRET: &str = "smbcopilot.dev/workflow-secret";
/// Finalizer of a Tenant.
pub const FINALIZER: &str = "smbcopilot.dev/tenant";

/// Recommended label: name of the application.
pub const APP_NAME: &str = "app.kubernetes.io/name";
/// Recommended label: component within the application.
pub const APP_COMPONENT: &str = "app.kubernetes.io/component";
/// Recommended label: application that the object is part of.
pub const APP_PART_OF: &str = "app.kubernetes.io/part-of";
/// Recommended label: program that manages the object.
pub const APP_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`APP_COMPONENT`] on runner pods and their related objects.
pub const RUNNER_COMPONENT: &str = "runner";
/// Value of [`APP_PART_OF`] on all objects of the platform.
pub const PART_OF: &str = "smb-copilot";
/// Value of [`APP_MANAGED_BY`] on all objects that the operator creates.
pub const MANAGED_BY: &str = "smb-copilot-operator";

/// Identity and owners of a child object, from which its labels are built.
#[derive(Clone, Copy, Debug, Default)]
pub struct Child<'a> {
    /// Value of [`APP_NAME`].
    pub name: &'a str,
    /// Value of [`APP_COMPONENT`].
    pub component: &'a str,
    /// Slug of the tenant.
    pub tenant: &'a str,
    /// Name of the workflow.
    pub workflow: Option<&'a str>,
    /// Name of the workflow revision.
    pub revision: Option<&'a str>,
    /// Name of the run, if the child belongs to one run only.
    pub run: Option<&'a str>,
}

/// Returns the labels of a child object. They include neither the labels of its custom resource nor
/// `app.kubernetes.io/instance`, because Argo CD claims objects with that label.
#[must_use]
pub fn child_labels(child: Child<'_>) -> BTreeMap<String, String> {
    let Child { name, component, tenant, workflow, revision, run } = child;
    [
        (APP_NAME, Some(name)),
        (APP_COMPONENT, Some(component)),
        (APP_PART_OF, Some(PART_OF)),
        (APP_MANAGED_BY, Some(MANAGED_BY)),
        (TENANT, Some(tenant)),
        (WORKFLOW, workflow),
        (REVISION, revision),
        (RUN, run),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A child object has the labels by which it is selected, and no label by which Argo CD would claim and prune it.
    #[test]
    fn a_child_has_its_selection_labels_and_no_argo_cd_label() {
        let child = Child { name: "smb-copilot", component: "runner", tenant: "acme", ..Child::default() };
        let labels = child_labels(child);
        assert_eq!(labels.get(TENANT).map(String::as_str), Some("acme"));
        assert!(!labels.contains_key(RUN) && !labels.contains_key("app.kubernetes.io/instance"));
        let of_run = child_labels(Child { run: Some("order-invoice-1"), ..child });
        assert_eq!(of_run.get(RUN).map(String::as_str), Some("order-invoice-1"));
    }
}
