//! Child objects of a tenant. Pure.

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

pub(super) use self::namespace::mark;
use super::validate::Validated;
use crate::{config::Config, errors::Error};

/// Child objects of a tenant.
#[derive(Debug, serde::Serialize)]
pub(super) struct Children {
    pub(super) namespace: Namespace,
    /// Binding of the operator's own access to the namespace.
    pub(super) operator: RoleBinding,
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) quota: ResourceQuota,
    pub(super) limits: LimitRange,
    /// ConfigMap that the runners read.
    pub(super) settings: ConfigMap,
    pub(super) account: ServiceAccount,
    pub(super) runner: RoleBinding,
    /// Bindings of the access of kubectl users, one per role.
    pub(super) access: Vec<RoleBinding>,
}

/// Returns the child objects of a tenant.
///
/// # Errors
/// Returns an error if the tenant's settings cannot be encoded as JSON.
pub(super) fn children(tenant: &Validated, config: &Config) -> Result<Children, Error> {
    Ok(Children {
        namespace: namespace::build(tenant, config),
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

/// Returns the name, namespace and labels of a child inside the namespace.
fn child_metadata(tenant: &Validated, name: &str, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(tenant.namespace.clone()),
        labels: Some(child_labels(tenant, component)),
        ..ObjectMeta::default()
    }
}

fn child_labels(tenant: &Validated, component: &str) -> BTreeMap<String, String> {
    labels::child_labels(Child { name: labels::PART_OF, component, tenant: &tenant.slug, ..Child::default() })
}

#[cfg(test)]
mod tests;
