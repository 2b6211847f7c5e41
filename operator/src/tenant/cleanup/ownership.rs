//! What of the namespace that a deleted tenant names belongs to it. Pure.

use crds::{Tenant, labels};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;

use crate::tenant::validate::{belongs_to, how_to_mark, was_created};

/// What is known about the namespace of a deleted tenant.
#[derive(Debug)]
pub(super) enum Ownership {
    /// The namespace belongs to the tenant.
    Own(Box<Namespace>),
    /// Nothing in the cluster belongs to the tenant: its namespace does not exist (any more), or the one of this name belongs to
    /// another tenant or to nobody.
    Nothing,
    /// The tenant has had the namespace, and the namespace does not say to whom it belongs now. The message says what to do.
    Unknown(String),
}

/// Returns what is known about the namespace that a tenant names. `is_tenant` returns whether a Tenant with a UID exists.
pub(super) fn ownership(
    tenant: &Tenant,
    namespace: Option<Namespace>,
    is_tenant: impl Fn(&str) -> bool,
) -> Ownership {
    let Some(namespace) = namespace else { return Ownership::Nothing };
    if belongs_to(&namespace, tenant) {
        return Ownership::Own(Box::new(namespace));
    }
    let name = namespace.name_any();
    let was_set_up = tenant.status.as_ref().and_then(|status| status.namespace.as_ref()) == Some(&name);
    let owner = namespace.annotations().get(labels::TENANT_UID);
    let is_of_other =
        owner.is_some_and(|owner| Some(owner) != tenant.metadata.uid.as_ref() && is_tenant(owner));
    if !was_set_up || is_of_other || is_released(&namespace, tenant) {
        return Ownership::Nothing;
    }
    let slug = tenant.name_any();
    Ownership::Unknown(format!(
        "{}; to end the tenant without its namespace, run `kubectl patch sten {slug} --type=merge -p \
         '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'`",
        how_to_mark(&name, tenant)
    ))
}

/// Returns whether a namespace is one that the tenant has adopted, and that is released already.
fn is_released(namespace: &Namespace, tenant: &Tenant) -> bool {
    let adopts = tenant.spec.namespace.as_ref().and_then(|own| own.adopt).unwrap_or(false);
    let is_marked = namespace.labels().contains_key(labels::TENANT)
        || namespace.annotations().contains_key(labels::TENANT_UID);
    adopts && !is_marked && !was_created(namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(adopt: bool, set_up: bool) -> Tenant {
        let status = if set_up { "namespace: t-acme" } else { "" };
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: acme, uid: u1}}, \
             spec: {{planRef: {{name: starter}}, namespace: {{adopt: {adopt}}}}}, status: {{{status}}}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn namespace(labels: &str, annotations: &str) -> Option<Namespace> {
        let text =
            format!("{{metadata: {{name: t-acme, labels: {{{labels}}}, annotations: {{{annotations}}}}}}}");
        Some(serde_yaml::from_str(&text).unwrap())
    }

    fn kind(tenant: &Tenant, namespace: Option<Namespace>) -> &'static str {
        match ownership(tenant, namespace, |uid| uid == "u2") {
            Ownership::Own(_) => "own",
            Ownership::Nothing => "nothing",
            Ownership::Unknown(message) => {
                assert!(message.contains("smbcopilot.dev/tenant-uid=u1"), "{message}");
                "unknown"
            }
        }
    }

    /// Only what is known to belong to nobody or to another tenant counts as done: a namespace in which the tenant was set up, and
    /// whose mark is missing or names a tenant that does not exist, may contain its data.
    #[test]
    fn what_may_belong_to_the_tenant_is_not_ignored() {
        let (acme, created) = ("smbcopilot.dev/tenant: acme", "smbcopilot.dev/created: 'true'");
        let of = |uid: &str| format!("smbcopilot.dev/tenant-uid: {uid}");
        let (set_up, new) = (tenant(false, true), tenant(false, false));
        assert_eq!(kind(&set_up, None), "nothing");
        assert_eq!(kind(&set_up, namespace(acme, &of("u1"))), "own");
        for (labels, annotations) in
            [("", created), (acme, created), ("", &of("u1")), (acme, &of("u0")), ("", "")]
        {
            assert_eq!(kind(&set_up, namespace(labels, annotations)), "unknown", "{labels} {annotations}");
            assert_eq!(kind(&new, namespace(labels, annotations)), "nothing", "{labels} {annotations}");
        }
    }

    /// A namespace that was deleted, and that another tenant has created again, belongs to that one.
    #[test]
    fn the_namespace_of_another_tenant_is_left_alone() {
        let other = || namespace("smbcopilot.dev/tenant: globex", "smbcopilot.dev/tenant-uid: u2");
        assert_eq!(kind(&tenant(false, true), other()), "nothing");
        assert_eq!(kind(&tenant(false, false), other()), "nothing");
    }

    /// The cleanup of a tenant that has adopted its namespace completes also if it is interrupted after the release.
    #[test]
    fn a_released_namespace_is_left_alone() {
        assert_eq!(kind(&tenant(true, true), namespace("", "smbcopilot.dev/adopt-by: acme")), "nothing");
        assert_eq!(kind(&tenant(true, true), namespace("", "smbcopilot.dev/created: 'true'")), "unknown");
    }
}
