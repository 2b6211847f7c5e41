//! What a container gets that names nothing.

use std::collections::BTreeMap;

use crds::names;
use k8s_openapi::{
    api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{Validated, meta};

/// The quota refuses a container without requests; one that names none gets these. No limit on CPU: it would
/// slow a container down while the node idles.
pub(super) fn build(tenant: &Validated) -> LimitRange {
    let requests = amounts(&[("cpu", "50m"), ("memory", "64Mi"), ("ephemeral-storage", "64Mi")]);
    let item = LimitRangeItem {
        type_: "Container".to_owned(),
        default_request: Some(requests),
        default: Some(amounts(&[("memory", "256Mi")])),
        ..LimitRangeItem::default()
    };
    LimitRange {
        metadata: meta(tenant, names::LIMIT_RANGE, "tenant"),
        spec: Some(LimitRangeSpec { limits: vec![item] }),
    }
}

fn amounts(of: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    of.iter().map(|(resource, amount)| ((*resource).to_owned(), Quantity((*amount).to_owned()))).collect()
}
