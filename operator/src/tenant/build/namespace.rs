//! Namespace of a tenant.

use std::collections::BTreeMap;

use crds::{labels, tenant::TenantState};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::{Validated, child_labels};
use crate::config::{Config, PodSecurityVersion};

/// Label with the Pod Security Standard that the API server enforces. The operator may create no namespace without it.
const POD_SECURITY_ENFORCED: &str = "pod-security.kubernetes.io/enforce";

/// Modes of Pod Security admission. The API server refuses pods that do not meet the `restricted` standard.
const POD_SECURITY: [&str; 3] = ["enforce", "audit", "warn"];

/// Returns the labels of Pod Security admission. The version is pinned, so that an upgrade of the cluster does not change what
/// the pods of runs have to meet.
fn pod_security_labels(version: &PodSecurityVersion) -> impl Iterator<Item = (String, String)> {
    POD_SECURITY.into_iter().flat_map(move |mode| {
        let label = format!("pod-security.kubernetes.io/{mode}");
        [(format!("{label}-version"), version.as_str().to_owned()), (label, "restricted".to_owned())]
    })
}

/// Returns the namespace. The operator's labels and annotations take precedence over those that the tenant specifies. With the UID
/// of an existing namespace, the API server refuses to apply it to another one of its name.
pub(super) fn build(tenant: &Validated, config: &Config) -> Namespace {
    let mut labels = tenant.labels.clone();
    labels.extend(child_labels(tenant, "tenant"));
    labels.extend(pod_security_labels(&config.pod_security_version));
    if tenant.state == TenantState::Archived {
        labels.insert(labels::TENANT_STATE.to_owned(), "Archived".to_owned());
    }
    let mut annotations: BTreeMap<_, _> = tenant.annotations.clone();
    annotations.insert(labels::TENANT_UID.to_owned(), tenant.uid.clone());
    if tenant.creates_namespace {
        annotations.insert(labels::CREATED.to_owned(), "true".to_owned());
    }
    Namespace {
        metadata: ObjectMeta {
            name: Some(tenant.namespace.clone()),
            uid: tenant.namespace_uid.clone(),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// Returns the part of a namespace that marks it as the tenant's from its creation on, so that no other tenant takes it over. It
/// has no field that the operator removes later, since it is not created by server-side apply.
pub(in crate::tenant) fn mark(namespace: &Namespace) -> Namespace {
    let metadata = &namespace.metadata;
    let only = |all: &Option<BTreeMap<String, String>>, kept: &[&str]| {
        all.clone().map(|mut all| {
            all.retain(|key, _| kept.contains(&key.as_str()));
            all
        })
    };
    Namespace {
        metadata: ObjectMeta {
            name: metadata.name.clone(),
            labels: only(&metadata.labels, &[labels::TENANT, POD_SECURITY_ENFORCED]),
            annotations: only(&metadata.annotations, &[labels::TENANT_UID, labels::CREATED]),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}
