//! Labels and annotations that we set or read.

use std::collections::BTreeMap;

/// The slug of the tenant that an object belongs to; also marks a namespace as managed.
pub const TENANT: &str = "smbcopilot.dev/tenant";
/// The workflow that a child belongs to.
pub const WORKFLOW: &str = "smbcopilot.dev/workflow";
/// The workflow revision that a child belongs to.
pub const REVISION: &str = "smbcopilot.dev/revision";
/// The run that a child belongs to, where it belongs to one alone.
pub const RUN: &str = "smbcopilot.dev/run";
/// The run that a sub-run belongs to.
pub const PARENT: &str = "smbcopilot.dev/parent";
/// The schedule that a run was made by.
pub const SCHEDULE: &str = "smbcopilot.dev/schedule";
/// `true` on a runner that takes one run after the other, and so is no run's.
pub const POOL: &str = "smbcopilot.dev/pool";
/// The uid of the Tenant that made a namespace (annotation): a namespace of another uid is not ours.
pub const TENANT_UID: &str = "smbcopilot.dev/tenant-uid";
/// `true` on a Secret that workflows may name.
pub const WORKFLOW_SECRET: &str = "smbcopilot.dev/workflow-secret";
/// The finalizer of a Tenant.
pub const FINALIZER: &str = "smbcopilot.dev/tenant";

/// `app.kubernetes.io/name`.
pub const APP_NAME: &str = "app.kubernetes.io/name";
/// `app.kubernetes.io/component`.
pub const APP_COMPONENT: &str = "app.kubernetes.io/component";
/// `app.kubernetes.io/part-of`.
pub const APP_PART_OF: &str = "app.kubernetes.io/part-of";
/// `app.kubernetes.io/managed-by`.
pub const APP_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`APP_COMPONENT`] on the pods that execute runs, and on what belongs to them.
pub const RUNNER_COMPONENT: &str = "runner";
/// The value of [`APP_PART_OF`] on all we make.
pub const PART_OF: &str = "smb-copilot";
/// The value of [`APP_MANAGED_BY`] on all that the operator makes.
pub const MANAGED_BY: &str = "smb-copilot-operator";

/// What a child object is and whom it belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Child<'a> {
    /// The application: `app.kubernetes.io/name`.
    pub name: &'a str,
    /// Its part: `app.kubernetes.io/component`.
    pub component: &'a str,
    /// The tenant's slug.
    pub tenant: &'a str,
    /// The workflow's name.
    pub workflow: Option<&'a str>,
    /// The workflow revision's name.
    pub revision: Option<&'a str>,
    /// The run's name, where the child belongs to one run.
    pub run: Option<&'a str>,
}

/// The labels of a child object. Never those of its custom resource, and never `app.kubernetes.io/instance`:
/// Argo CD takes an object with that label for one of its own.
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

    /// Argo CD prunes our objects, which it takes for its own; or a child cannot be found by its run.
    #[test]
    fn a_child_has_the_labels_it_is_found_by_and_none_that_argo_cd_claims() {
        let child = Child { name: "smb-copilot", component: "runner", tenant: "acme", ..Child::default() };
        let labels = child_labels(child);
        assert_eq!(labels.get(TENANT).map(String::as_str), Some("acme"));
        assert!(!labels.contains_key(RUN) && !labels.contains_key("app.kubernetes.io/instance"));
        let of_run = child_labels(Child { run: Some("order-invoice-1"), ..child });
        assert_eq!(of_run.get(RUN).map(String::as_str), Some("order-invoice-1"));
    }
}
