//! Role bindings in a tenant's namespace. The roles are installed by the chart.

use crds::{
    names,
    tenant::{AccessKind, AccessRole},
};
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use strum::VariantArray as _;

use super::{Validated, child_metadata};
use crate::config::Config;

const RBAC: &str = "rbac.authorization.k8s.io";
/// Name of the operator's service account in the namespace of the release.
const OPERATOR_ACCOUNT: &str = "smb-copilot-operator";

/// Returns the binding of the operator's own access. Outside of tenants' namespaces the operator may not create the objects
/// of a run.
pub(super) fn operator(tenant: &Validated, config: &Config) -> RoleBinding {
    let account = service_account(OPERATOR_ACCOUNT, &config.release_namespace);
    binding(tenant, names::OPERATOR_ROLE_BINDING, names::OPERATOR_TENANT_ROLE, vec![account])
}

/// Returns the binding of the runners' access.
pub(super) fn runner(tenant: &Validated) -> RoleBinding {
    let account = service_account(names::RUNNER_SERVICE_ACCOUNT, &tenant.namespace);
    binding(tenant, names::RUNNER_ROLE_BINDING, names::RUNNER_ROLE, vec![account])
}

/// Returns one binding for each role, without subjects if nobody has the role, so that revoked access is removed.
pub(super) fn access(tenant: &Validated) -> Vec<RoleBinding> {
    AccessRole::VARIANTS.iter().map(|&role| access_binding(tenant, role)).collect()
}

fn access_binding(tenant: &Validated, role: AccessRole) -> RoleBinding {
    let mut with_role: Vec<_> = tenant.access.iter().filter(|access| access.role == role).collect();
    with_role.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let subjects = with_role.into_iter().map(|access| Subject {
        api_group: Some(RBAC.to_owned()),
        kind: subject_kind(access.kind).to_owned(),
        name: access.name.clone(),
        namespace: None,
    });
    let (name, role) = (names::access_role_binding(role.as_str()), names::access_role(role.as_str()));
    binding(tenant, &name, &role, subjects.collect())
}

fn subject_kind(kind: AccessKind) -> &'static str {
    match kind {
        AccessKind::User => "User",
        AccessKind::Group => "Group",
    }
}

fn service_account(name: &str, namespace: &str) -> Subject {
    Subject {
        api_group: None,
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
    }
}

fn binding(tenant: &Validated, name: &str, role: &str, subjects: Vec<Subject>) -> RoleBinding {
    RoleBinding {
        metadata: child_metadata(tenant, name, "access"),
        role_ref: RoleRef {
            api_group: RBAC.to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(subjects),
    }
}
