//! Who may do what in the namespace. Every role is one of the chart's: none is made here.

use crds::{
    names,
    tenant::{AccessKind, AccessRole},
};
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use strum::VariantArray as _;

use super::{Validated, meta};
use crate::config::Config;

const RBAC: &str = "rbac.authorization.k8s.io";
/// The operator's service account, in the release's namespace.
const OPERATOR_ACCOUNT: &str = "smb-copilot-operator";

/// The operator's own access: outside managed namespaces it may make none of a run's objects.
pub(super) fn operator(tenant: &Validated, config: &Config) -> RoleBinding {
    let account = service_account(OPERATOR_ACCOUNT, &config.release_namespace);
    binding(tenant, names::OPERATOR_ROLE_BINDING, names::OPERATOR_TENANT_ROLE, vec![account])
}

/// The runners' access.
pub(super) fn runner(tenant: &Validated) -> RoleBinding {
    let account = service_account(names::RUNNER_SERVICE_ACCOUNT, &tenant.namespace);
    binding(tenant, names::RUNNER_ROLE_BINDING, names::RUNNER_ROLE, vec![account])
}

/// A binding for each role, empty where nobody has it: so access that is taken away is gone.
pub(super) fn access(tenant: &Validated) -> Vec<RoleBinding> {
    AccessRole::VARIANTS.iter().map(|&role| access_of(tenant, role)).collect()
}

fn access_of(tenant: &Validated, role: AccessRole) -> RoleBinding {
    let mut with_role: Vec<_> = tenant.access.iter().filter(|access| access.role == role).collect();
    with_role.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let subjects = with_role.into_iter().map(|access| Subject {
        api_group: Some(RBAC.to_owned()),
        kind: kind(access.kind).to_owned(),
        name: access.name.clone(),
        namespace: None,
    });
    let (name, role) = (names::access_role_binding(role.as_str()), names::access_role(role.as_str()));
    binding(tenant, &name, &role, subjects.collect())
}

fn kind(kind: AccessKind) -> &'static str {
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
        metadata: meta(tenant, name, "access"),
        role_ref: RoleRef {
            api_group: RBAC.to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(subjects),
    }
}
