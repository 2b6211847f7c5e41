//! The namespace.

use std::collections::BTreeMap;

use crds::labels;
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::{Validated, labels_of};

/// Pods that could leave their container are refused by the API server itself.
const POD_SECURITY: [&str; 3] = ["enforce", "audit", "warn"];

/// The namespace of a tenant; labels and annotations that the tenant asks for give way to ours.
pub(super) fn build(tenant: &Validated) -> Namespace {
    let mut labels = tenant.labels.clone();
    labels.extend(labels_of(tenant, "tenant"));
    labels.extend(
        POD_SECURITY.map(|mode| (format!("pod-security.kubernetes.io/{mode}"), "restricted".to_owned())),
    );
    let mut annotations: BTreeMap<_, _> = tenant.annotations.clone();
    annotations.insert(labels::TENANT_UID.to_owned(), tenant.uid.clone());
    Namespace {
        metadata: ObjectMeta {
            name: Some(tenant.namespace.clone()),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}
