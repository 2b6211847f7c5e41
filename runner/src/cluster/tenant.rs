//! Configuration of the tenant, which the operator writes to a ConfigMap in the tenant's namespace.

use std::collections::BTreeMap;

use crds::plan::EgressEntry;
use domain::egress::{Egress, EgressError};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Properties of the tenant that its runs may use, and the network destinations that they may reach.
#[derive(Debug, Clone)]
pub(crate) struct TenantConfig {
    /// Value of `tenant.name` in expressions.
    pub(crate) name: String,
    /// Value of `tenant.settings` in expressions.
    pub(crate) settings: Value,
    /// Permitted destinations. Empty if the ConfigMap lists none.
    pub(crate) egress: Egress,
}

/// The ConfigMap is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TenantConfigError {
    #[error("failed to parse {key} as JSON")]
    Json {
        key: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("failed to parse the egress rules")]
    Egress(#[from] EgressError),
}

/// Parses the keys `name`, `settings`, `egress` and `clusterCidrs`.
///
/// # Errors
/// Returns an error if a key holds no valid JSON or an egress rule is invalid.
pub(super) fn parse(config_map: ConfigMap) -> Result<TenantConfig, TenantConfigError> {
    let data = config_map.data.unwrap_or_default();
    let settings: Option<Value> = parse_key(&data, "settings")?;
    let entries: Option<Vec<EgressEntry>> = parse_key(&data, "egress")?;
    let cluster: Option<Vec<IpNet>> = parse_key(&data, "clusterCidrs")?;
    Ok(TenantConfig {
        name: data.get("name").cloned().unwrap_or_default(),
        settings: settings.unwrap_or_else(|| json!({})),
        egress: Egress::parse(&entries.unwrap_or_default(), &cluster.unwrap_or_default())?,
    })
}

/// Parses the JSON under a key. Returns `None` if the key is missing.
fn parse_key<T: DeserializeOwned>(
    data: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<T>, TenantConfigError> {
    let Some(text) = data.get(key) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|source| TenantConfigError::Json { key, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_map(data: &[(&str, &str)]) -> ConfigMap {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ConfigMap { data: Some(data), ..ConfigMap::default() }
    }

    /// A tenant without a list of destinations reaches nothing.
    #[test]
    fn without_egress_rules_nothing_is_allowed() {
        let tenant = parse(config_map(&[("name", "acme")])).unwrap();
        assert_eq!((tenant.name.as_str(), tenant.settings), ("acme", json!({})));
        assert!(tenant.egress.allows("example.com", "93.184.215.14".parse().unwrap(), 443).is_err());
    }

    /// A destination that the ConfigMap lists is reachable, by host and port.
    #[test]
    fn listed_destinations_are_allowed_by_host_and_port() {
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
