//! What a tenant is made of. Pure.

mod config_map;
mod limit_range;
mod namespace;
mod network_policy;
mod quota;
mod rbac;
mod service_account;

use std::collections::BTreeMap;

use crds::labels::{self, Child};
use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::validate::Validated;
use crate::{config::Config, errors::Error};

/// All children of a tenant.
#[derive(Debug, serde::Serialize)]
pub(super) struct Children {
    pub(super) namespace: Namespace,
    /// The operator's own access to the namespace.
    pub(super) operator: RoleBinding,
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) quota: ResourceQuota,
    pub(super) limits: LimitRange,
    /// What runners are told about the tenant.
    pub(super) settings: ConfigMap,
    pub(super) account: ServiceAccount,
    pub(super) runner: RoleBinding,
    /// The kubectl users' access, a binding a role.
    pub(super) access: Vec<RoleBinding>,
}

/// Builds them.
///
/// # Errors
/// The tenant's settings cannot be written as JSON.
pub(super) fn children(tenant: &Validated, config: &Config) -> Result<Children, Error> {
    Ok(Children {
        namespace: namespace::build(tenant),
        operator: rbac::operator(tenant, config),
        policies: network_policy::build(tenant, config),
        quota: quota::build(tenant),
        limits: limit_range::build(tenant),
        settings: config_map::build(tenant, config)?,
        account: service_account::build(tenant),
        runner: rbac::runner(tenant),
        access: rbac::access(tenant),
    })
}

/// Name, namespace and labels of a child inside the namespace.
fn meta(tenant: &Validated, name: &str, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(tenant.namespace.clone()),
        labels: Some(labels_of(tenant, component)),
        ..ObjectMeta::default()
    }
}

fn labels_of(tenant: &Validated, component: &str) -> BTreeMap<String, String> {
    labels::child_labels(Child { name: labels::PART_OF, component, tenant: &tenant.slug, ..Child::default() })
}

#[cfg(test)]
mod tests;
