//! Namespace of a tenant.

use std::collections::BTreeMap;

use crds::labels;
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::{Validated, child_labels};

/// Modes of Pod Security admission. The API server refuses pods that do not meet the `restricted` standard.
const POD_SECURITY: [&str; 3] = ["enforce", "audit", "warn"];

/// Returns the namespace. The operator's labels and annotations take precedence over those that the tenant specifies.
pub(super) fn build(tenant: &Validated) -> Namespace {
    let mut labels = tenant.labels.clone();
    labels.extend(child_labels(tenant, "tenant"));
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
