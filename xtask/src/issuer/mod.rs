//! A small OIDC issuer in the cluster, so that the api-server verifies tokens as in production: with discovery and keys
//! over HTTP. The private key is in a Secret; xtask signs tokens.

pub(crate) mod key;
pub(crate) mod token;

use serde_json::{Value, json};

use crate::build::images::LOCAL_REGISTRY;
use crate::cluster::{Cluster, rollout};
use crate::phase::Phase;

/// Issuer URL, at which the api-server finds the discovery document.
pub(crate) const URL: &str = "http://smb-issuer.smb-local.svc.cluster.local:8080";
/// Audience of the tokens.
pub(crate) const AUDIENCE: &str = "smb-copilot";
/// Signature algorithm.
pub(crate) const ALGORITHM: &str = "ES256";
/// Namespace of components that only a local system has.
pub(crate) const NAMESPACE: &str = "smb-local";

const NAMESPACE_MANIFEST: &str = include_str!("../../manifests/namespace.yaml");
const MANIFESTS: &str = include_str!("../../manifests/issuer.yaml");

/// Creates the key if there is none, and starts the issuer. Does not wait for its pod.
pub(crate) fn install(phase: &mut Phase<'_>, cluster: &Cluster, registry: &str) -> anyhow::Result<()> {
    cluster.apply(phase, NAMESPACE_MANIFEST)?;
    let key = match key::find(cluster)? {
        Some(key) => key,
        None => key::create(phase, cluster)?,
    };
    cluster.apply(phase, documents(&key)?.to_string())?;
    cluster.apply(phase, MANIFESTS.replace(LOCAL_REGISTRY, registry))
}

/// Waits until the issuer is rolled out.
pub(crate) fn wait_until_rolled_out(phase: &mut Phase<'_>, cluster: &Cluster) -> anyhow::Result<()> {
    rollout::wait_for(phase, cluster, NAMESPACE, &["deployment/smb-issuer"])
}

/// Returns the ConfigMap with the discovery document and the key set.
fn documents(key: &key::SigningKey) -> anyhow::Result<Value> {
    let discovery = json!({
        "issuer": URL,
        "jwks_uri": format!("{URL}/jwks.json"),
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    });
    Ok(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "smb-issuer", "namespace": NAMESPACE},
        "data": {
            "openid-configuration": discovery.to_string(),
            "jwks.json": json!({"keys": [key.public()?]}).to_string(),
        },
    }))
}
