//! A small OIDC issuer in the cluster (`local/issuer`), so that the api-server verifies tokens as in production: with discovery and keys
//! over HTTP. It has a login page for browsers. The private key is in a Secret; xtask signs tokens with it, too.

pub(crate) mod key;
pub(crate) mod token;

use serde_json::{Value, json};

use crate::build::images::LOCAL_REGISTRY;
use crate::cluster::{Cluster, rollout};
use crate::instance::Ports;
use crate::phase::Phase;

/// Issuer URL, at which the api-server finds the discovery document.
pub(crate) const URL: &str = "http://smb-issuer.smb-local.svc.cluster.local:8080";
/// Audience of the tokens.
pub(crate) const AUDIENCE: &str = "smb-copilot";
/// Client of the api-server, which lets people log in.
pub(crate) const CLIENT_ID: &str = "smb-copilot-web";
/// Signature algorithm.
pub(crate) const ALGORITHM: &str = "ES256";
/// Namespace of components that only a local system has.
pub(crate) const NAMESPACE: &str = "smb-local";

const NAMESPACE_MANIFEST: &str = include_str!("../../manifests/namespace.yaml");
const MANIFESTS: &str = include_str!("../../manifests/issuer.yaml");

/// Creates the key if there is none, and starts the issuer, whose login page browsers reach at a port of the instance. Does not wait
/// for its pod.
pub(crate) fn install(
    phase: &mut Phase<'_>,
    cluster: &Cluster,
    registry: &str,
    ports: Ports,
) -> anyhow::Result<()> {
    cluster.apply(phase, NAMESPACE_MANIFEST)?;
    let key = match key::find(cluster)? {
        Some(key) => key,
        None => key::create(phase, cluster)?,
    };
    cluster.apply(phase, documents(&key, ports)?.to_string())?;
    let redirect_uri = format!("{}/auth/callback", ports.api_url());
    let manifests = MANIFESTS.replace(LOCAL_REGISTRY, registry);
    cluster.apply(phase, manifests.replace("CLIENT_ID", CLIENT_ID).replace("REDIRECT_URI", &redirect_uri))
}

/// Waits until the issuer is rolled out.
pub(crate) fn wait_until_rolled_out(phase: &mut Phase<'_>, cluster: &Cluster) -> anyhow::Result<()> {
    rollout::wait_for(phase, cluster, NAMESPACE, &["deployment/smb-issuer"])
}

/// Returns the ConfigMap with the discovery document and the key set.
fn documents(key: &key::SigningKey, ports: Ports) -> anyhow::Result<Value> {
    let discovery = json!({
        "issuer": URL,
        "jwks_uri": format!("{URL}/jwks.json"),
        // The browser is outside of the cluster, and the api-server inside.
        "authorization_endpoint": format!("http://127.0.0.1:{}/authorize", ports.issuer()),
        "token_endpoint": format!("{URL}/token"),
        "authorization_response_iss_parameter_supported": true,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "response_types_supported": ["code"],
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
