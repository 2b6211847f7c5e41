//! Resource requests and limits of the containers in a runner pod.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Local disk that a container requests. Its use is limited by the sizes of its volumes.
pub(super) const DISK_REQUEST: &str = "64Mi";

/// Returns quantities by resource.
pub(super) fn quantities(quantities: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    quantities
        .iter()
        .map(|(resource, quantity)| ((*resource).to_owned(), Quantity((*quantity).to_owned())))
        .collect()
}
