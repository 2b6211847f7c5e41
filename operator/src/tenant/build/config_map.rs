//! ConfigMap with the tenant's name, settings and egress rules, for runners.

use std::collections::BTreeMap;

use crds::names;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use super::{Validated, child_metadata};
use crate::{config::Config, errors::Error};

/// Returns the ConfigMap that every runner of the tenant reads.
///
/// # Errors
/// Returns an error if a value cannot be encoded as JSON.
pub(super) fn build(tenant: &Validated, config: &Config) -> Result<ConfigMap, Error> {
    let data = [
        ("name", tenant.slug.clone()),
        ("displayName", tenant.display_name.clone()),
        ("settings", tenant.settings.clone()),
        ("egress", json(&tenant.egress_entries)?),
        ("clusterCidrs", json(&config.cluster_cidrs)?),
    ];
    Ok(ConfigMap {
        metadata: child_metadata(tenant, names::TENANT_CONFIG_MAP, "runner"),
        data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<BTreeMap<_, _>>()),
        ..ConfigMap::default()
    })
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::Encode { what: "the tenant's ConfigMap", source })
}
