//! LimitRange with the resources of containers that specify none.

use std::collections::BTreeMap;

use crds::names;
use k8s_openapi::{
    api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{Validated, child_metadata};

/// Returns the LimitRange. Without it, the quota would refuse containers without requests. It sets no CPU limit, which
/// would throttle a container while the node is idle.
pub(super) fn build(tenant: &Validated) -> LimitRange {
    let requests = quantities(&[("cpu", "50m"), ("memory", "64Mi"), ("ephemeral-storage", "64Mi")]);
    let item = LimitRangeItem {
        type_: "Container".to_owned(),
        default_request: Some(requests),
        default: Some(quantities(&[("memory", "256Mi")])),
        ..LimitRangeItem::default()
    };
    LimitRange {
        metadata: child_metadata(tenant, names::LIMIT_RANGE, "tenant"),
        spec: Some(LimitRangeSpec { limits: vec![item] }),
    }
}

fn quantities(quantities: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    quantities
        .iter()
        .map(|(resource, quantity)| ((*resource).to_owned(), Quantity((*quantity).to_owned())))
        .collect()
}
