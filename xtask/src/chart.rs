//! Installation of the product with Helm, as users install it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::build::images::LOCAL_REGISTRY;
use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::cluster::boot::API_NODE_PORT;
use crate::instance::{Instance, Ports};
use crate::issuer;
use crate::phase::Phase;
use crate::wait;

/// Name of the Helm release.
pub(crate) const RELEASE: &str = "smb-copilot";
/// Namespace of the release.
pub(crate) const NAMESPACE: &str = "smb-copilot";
const CRDS_RELEASE: &str = "smb-copilot-crds";

/// Values of the chart that differ from its defaults.
#[derive(Clone)]
pub(crate) struct Values {
    registry: String,
    pull_policy: &'static str,
    service: Value,
    /// Ports of the instance, through which browsers reach the api-server and the issuer.
    pub(crate) ports: Ports,
}

impl Values {
    /// Returns the values for the local instance, whose api-server is reached through a node port.
    ///
    /// # Errors
    /// Returns an error if the instance has no ports.
    pub(crate) fn local(instance: &Instance) -> anyhow::Result<Self> {
        Ok(Self {
            registry: LOCAL_REGISTRY.to_owned(),
            pull_policy: "IfNotPresent",
            service: json!({"type": "NodePort", "nodePort": API_NODE_PORT}),
            ports: instance.ports()?,
        })
    }

    /// Returns the values for a cluster that pulls from a registry. A new push reuses the tag, so images are always
    /// pulled. The api-server is reached through a forwarded port of the instance.
    ///
    /// # Errors
    /// Returns an error if the instance has no ports.
    pub(crate) fn registry(registry: &str, instance: &Instance) -> anyhow::Result<Self> {
        let service = json!({"type": "ClusterIP"});
        Ok(Self { registry: registry.to_owned(), pull_policy: "Always", service, ports: instance.ports()? })
    }

    /// Returns the values as arguments of helm.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let issuers = json!([{
            "issuer": issuer::URL, "audience": issuer::AUDIENCE, "algorithms": [issuer::ALGORITHM],
            "clientId": issuer::CLIENT_ID,
        }]);
        [
            ("image.registry", json!(self.registry)),
            ("image.tag", json!("local")),
            ("image.pullPolicy", json!(self.pull_policy)),
            ("postgres.embedded.enabled", json!(true)),
            ("qdrant.embedded.enabled", json!(true)),
            ("api.service", self.service.clone()),
            ("api.publicUrl", json!(self.ports.api_url())),
            ("api.oidc.issuers", issuers),
            // The tokens of `cargo xtask token` name their roles.
            ("api.oidc.tokenClaims", json!("always")),
        ]
        .into_iter()
        .flat_map(|(path, value)| ["--set-json".to_owned(), format!("{path}={value}")])
        .collect()
    }
}

/// Installs or upgrades the chart of the custom resource definitions, and waits until the API server serves them.
pub(crate) fn install_crds(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
) -> anyhow::Result<()> {
    let helm = cluster
        .helm()
        .args(["upgrade", "--install", CRDS_RELEASE])
        .arg(checkout.path("charts").join(CRDS_RELEASE));
    phase.exec(helm.args(["--namespace", NAMESPACE, "--create-namespace"]))?;
    let kinds =
        ["plans", "tenants", "workflows", "workflowruns"].map(|kind| format!("crd/{kind}.smbcopilot.dev"));
    let names = kinds.each_ref().map(String::as_str);
    // `kubectl wait` fails at once on a definition that has no conditions yet.
    wait::until("the API server to serve the custom resources", CRD_TIMEOUT, POLL_INTERVAL, || {
        Ok(are_served(&cluster.get(&names)?).then_some(()))
    })
}

/// The API server takes about 100 ms per definition.
const CRD_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

fn are_served(list: &Value) -> bool {
    let is_served = |definition: &Value| {
        let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|it| it["type"] == "Established" && it["status"] == "True")
    };
    let items = list.pointer("/items").and_then(Value::as_array);
    items.is_some_and(|items| items.iter().all(is_served))
}

/// Installs or upgrades the product. Does not wait for its pods.
pub(crate) fn install(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
    values: &Values,
) -> anyhow::Result<()> {
    phase.advice("look at `helm --namespace smb-copilot history smb-copilot`");
    upgrade(phase, checkout, cluster, values)
}

/// Runs `helm upgrade --install` for the product.
pub(crate) fn upgrade(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
    values: &Values,
) -> anyhow::Result<()> {
    let helm =
        cluster.helm().args(["upgrade", "--install", RELEASE]).arg(checkout.path("charts/smb-copilot"));
    phase.exec(helm.args(["--namespace", NAMESPACE, "--create-namespace"]).args(values.arguments()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Plan is applied only after the API server serves its definition.
    #[test]
    fn a_definition_is_served_when_it_is_established() {
        let list = |conditions: Value| json!({"items": [{"status": {"conditions": conditions}}]});
        let condition = |kind: &str, status: &str| json!([{"type": kind, "status": status}]);
        assert!(are_served(&list(condition("Established", "True"))));
        for not_yet in [Value::Null, condition("Established", "False"), condition("NamesAccepted", "True")] {
            assert!(!are_served(&list(not_yet)));
        }
        assert!(!are_served(&json!({"items": [{}]})));
    }
}
