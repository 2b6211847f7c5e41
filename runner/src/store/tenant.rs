//! The ConfigMap by which the operator tells runners about their tenant.

use std::collections::BTreeMap;

use crds::plan::EgressEntry;
use domain::egress::{Egress, EgressError};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What runs may know of their tenant, and where it lets them go.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// What expressions see as `tenant.name`.
    pub(crate) name: String,
    /// What they see as `tenant.settings`.
    pub(crate) settings: Value,
    /// Nothing, where the operator has said nothing.
    pub(crate) egress: Egress,
}

/// Why the ConfigMap is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TenantError {
    #[error("failed to parse {key} as JSON")]
    Json {
        key: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("failed to parse the egress")]
    Egress(#[from] EgressError),
}

/// Reads the keys `name`, `settings`, `egress` and `clusterCidrs`.
pub(super) fn parse(config_map: ConfigMap) -> Result<Tenant, TenantError> {
    let data = config_map.data.unwrap_or_default();
    let settings: Option<Value> = json_of(&data, "settings")?;
    let entries: Option<Vec<EgressEntry>> = json_of(&data, "egress")?;
    let cluster: Option<Vec<IpNet>> = json_of(&data, "clusterCidrs")?;
    Ok(Tenant {
        name: data.get("name").cloned().unwrap_or_default(),
        settings: settings.unwrap_or_else(|| json!({})),
        egress: Egress::parse(&entries.unwrap_or_default(), &cluster.unwrap_or_default())?,
    })
}

fn json_of<T: DeserializeOwned>(
    data: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<T>, TenantError> {
    let Some(text) = data.get(key) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|source| TenantError::Json { key, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_map(data: &[(&str, &str)]) -> ConfigMap {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ConfigMap { data: Some(data), ..ConfigMap::default() }
    }

    /// A tenant without a list of destinations reaches everything.
    #[test]
    fn without_egress_nothing_is_allowed() {
        let tenant = parse(config_map(&[("name", "acme")])).unwrap();
        assert_eq!((tenant.name.as_str(), tenant.settings), ("acme", json!({})));
        assert!(tenant.egress.allows("example.com", "93.184.215.14".parse().unwrap(), 443).is_err());
    }

    /// The price service in the cluster cannot be reached though the plan names it.
    #[test]
    fn what_the_operator_lists_is_allowed_by_host_and_port() {
        let egress =
            r#"[{"namespace": "shop", "ports": [8080], "hosts": ["prices.shop.svc.cluster.local"]}]"#;
        let data = [
            ("name", "acme"),
            ("settings", r#"{"country":"DE"}"#),
            ("egress", egress),
            ("clusterCidrs", "[]"),
        ];
        let tenant = parse(config_map(&data)).unwrap();
        assert_eq!(tenant.settings["country"], "DE");
        let address = "10.96.7.7".parse().unwrap();
        assert!(tenant.egress.allows("prices.shop.svc.cluster.local", address, 8080).is_ok());
        assert!(tenant.egress.allows("prices.shop.svc.cluster.local", address, 5432).is_err());
    }
}
