//! Names that several controllers share: annotations of runner Jobs and pods, and derived names.

use std::{cmp::Reverse, sync::Arc};

use crds::{Tenant, conditions, names};
use kube::ResourceExt as _;

/// Annotation with the UID of the run that a Job or pod was created for. The run's name may be used again.
pub(crate) const RUN_UID: &str = "smbcopilot.dev/run-uid";
/// Annotation with the number of the pod attempt, starting at 0.
pub(crate) const ATTEMPT: &str = "smbcopilot.dev/attempt";
/// Annotation with the name of the run that a Job or pod was created for, also on a runner that later runs reuse.
pub(crate) const FOR_RUN: &str = "smbcopilot.dev/for-run";
/// Annotation with a digest of the pod's spec.
pub(crate) const TEMPLATE: &str = "smbcopilot.dev/template";
/// Annotation with the name of a pod's Job.
pub(crate) const JOB: &str = "smbcopilot.dev/job";
/// Annotation with the UID of the workflow that a revision was created from. The workflow's name may be used again.
pub(crate) const WORKFLOW_UID: &str = "smbcopilot.dev/workflow-uid";

/// Reason of the conditions of a tenant whose namespace belongs to the cluster, to another tenant or to nobody.
pub(crate) const NAMESPACE_CONFLICT: &str = "NamespaceConflict";

/// Name of the ValidatingAdmissionPolicy, and of its binding, that lets a runner write only the runs that are assigned to it.
pub(crate) const RUNNER_FENCE: &str = "smb-copilot-runner-fence";

/// Returns the name of a tenant's namespace.
pub(crate) fn tenant_namespace(tenant: &Tenant) -> String {
    let named = tenant.spec.namespace.as_ref().and_then(|namespace| namespace.name.clone());
    named.unwrap_or_else(|| names::tenant_namespace(&tenant.name_any()))
}

/// Returns the tenant that a namespace belongs to, among those that name it. Several tenants may name one namespace, and at most
/// one is set up in it. Before any is, the oldest one may be; a tenant that was refused the namespace has nothing in it.
pub(crate) fn owner_of_namespace(tenants: Vec<Arc<Tenant>>) -> Option<Arc<Tenant>> {
    let condition = |tenant: &Tenant| {
        let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
        conditions::get(conditions, conditions::NAMESPACE_READY)
            .map(|condition| (condition.status.clone(), condition.reason.clone()))
    };
    let is_set_up = |tenant: &Tenant| {
        let namespace = tenant.status.as_ref().and_then(|status| status.namespace.clone());
        namespace == Some(tenant_namespace(tenant))
    };
    let is_refused =
        |tenant: &Tenant| condition(tenant).is_some_and(|(_, reason)| reason == NAMESPACE_CONFLICT);
    let is_ready = |tenant: &Tenant| condition(tenant).is_some_and(|(status, _)| status == conditions::TRUE);
    let candidates = tenants.into_iter().filter(|tenant| is_set_up(tenant) || !is_refused(tenant));
    candidates.max_by_key(|tenant| {
        let age = Reverse((tenant.creation_timestamp(), tenant.uid()));
        (is_set_up(tenant), is_ready(tenant), age)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a tenant that names the namespace `shop`: its name, its time of creation, and its status.
    fn tenant(name: &str, second: u8, status: &str) -> Arc<Tenant> {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, uid: uid-of-{name}, \
             creationTimestamp: '2026-11-24T10:00:0{second}Z'}}, spec: {{planRef: {{name: starter}}, namespace: {{name: shop}}}}, \
             status: {{{status}}}}}"
        );
        Arc::new(serde_yaml::from_str(&text).unwrap())
    }

    fn conditions(status: &str, reason: &str) -> String {
        format!(
            "conditions: [{{type: NamespaceReady, status: '{status}', reason: {reason}, message: '', \
             lastTransitionTime: '2026-11-24T10:00:00Z'}}]"
        )
    }

    fn owner(tenants: &[&Arc<Tenant>]) -> Option<String> {
        let both: [Vec<Arc<Tenant>>; 2] = [
            tenants.iter().map(|tenant| Arc::clone(tenant)).collect(),
            tenants.iter().rev().map(|tenant| Arc::clone(tenant)).collect(),
        ];
        let [owner, same] = both.map(|tenants| owner_of_namespace(tenants).map(|tenant| tenant.name_any()));
        assert_eq!(owner, same, "the order does not matter");
        owner
    }

    /// A namespace that two tenants name belongs to the one that is set up in it, whichever is older, and to nobody once only the
    /// other one is left, until that one is set up.
    #[test]
    fn a_namespace_belongs_to_the_tenant_that_is_set_up_in_it() {
        let set_up = format!("namespace: shop, {}", conditions("True", "Applied"));
        let refused = conditions("False", "NamespaceConflict");
        let (acme, globex) = (tenant("acme", 5, &set_up), tenant("globex", 1, &refused));
        assert_eq!(owner(&[&acme, &globex]).as_deref(), Some("acme"));
        assert_eq!(owner(&[&globex]), None);
        let unknown =
            tenant("acme", 5, &format!("namespace: shop, {}", conditions("Unknown", "PlanNotFound")));
        assert_eq!(owner(&[&unknown, &globex]).as_deref(), Some("acme"));
        // The namespace was deleted by hand, and the other tenant has created it again.
        let (lost, new) =
            (tenant("acme", 1, &format!("namespace: shop, {refused}")), tenant("globex", 5, &set_up));
        assert_eq!(owner(&[&lost, &new]).as_deref(), Some("globex"));
    }

    /// Before one of two tenants is set up, the namespace can belong to one of them only.
    #[test]
    fn a_namespace_belongs_to_one_of_two_new_tenants() {
        assert_eq!(owner(&[&tenant("acme", 5, ""), &tenant("globex", 1, "")]).as_deref(), Some("globex"));
        assert_eq!(owner(&[&tenant("acme", 5, "")]).as_deref(), Some("acme"));
        assert_eq!(owner(&[]), None);
    }
}
