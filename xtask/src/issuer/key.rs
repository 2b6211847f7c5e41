//! The key that signs the tokens of a local system.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::NAMESPACE;
use crate::cluster::Cluster;
use crate::phase::Phase;
use crate::program::Program;

const SECRET: &str = "smb-issuer-key";

/// A private key on the curve P-256, in PEM.
pub(crate) struct SigningKey {
    pem: String,
}

impl SigningKey {
    /// For signing.
    pub(super) fn encoding(&self) -> anyhow::Result<EncodingKey> {
        let body: String = self.pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).context("failed to read the signing key")?;
        Ok(EncodingKey::from_ec_der(&der))
    }

    /// The name by which a verifier finds the public half.
    pub(super) fn id(&self) -> String {
        let digest = Sha256::digest(self.pem.as_bytes());
        hex::encode(digest.get(..8).unwrap_or_default())
    }

    /// The public half as a JSON Web Key.
    pub(super) fn public(&self) -> anyhow::Result<Value> {
        let jwk = Jwk::from_encoding_key(&self.encoding()?, Algorithm::ES256)
            .context("failed to derive the public key")?;
        let mut jwk = serde_json::to_value(jwk)?;
        if let Some(fields) = jwk.as_object_mut() {
            fields.insert("kid".to_owned(), json!(self.id()));
            fields.insert("use".to_owned(), json!("sig"));
            fields.insert("alg".to_owned(), json!(super::ALGORITHM));
        }
        Ok(jwk)
    }
}

/// The cluster's key. Errors: there is none, which means that the system is not up.
pub(crate) fn load(cluster: &Cluster) -> anyhow::Result<SigningKey> {
    find(cluster)?.context("the local issuer has no key yet; run `cargo xtask up`")
}

/// The cluster's key, if it has one.
pub(super) fn find(cluster: &Cluster) -> anyhow::Result<Option<SigningKey>> {
    let secret = cluster.find(&["--namespace", NAMESPACE, "secret", SECRET])?;
    let Some(secret) = secret else { return Ok(None) };
    let encoded = secret.pointer("/data/key.pem").and_then(Value::as_str);
    let bytes = STANDARD.decode(encoded.context("failed to find key.pem in the issuer's Secret")?)?;
    Ok(Some(SigningKey { pem: String::from_utf8(bytes).context("failed to read the issuer's key")? }))
}

/// Makes a key and keeps it in the cluster.
pub(super) fn create(phase: &mut Phase<'_>, cluster: &Cluster) -> anyhow::Result<SigningKey> {
    let key = generate()?;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": NAMESPACE},
        "stringData": {"key.pem": &key.pem},
    });
    phase.exec(cluster.kubectl().args(["create", "-f", "-"]).input(secret.to_string()))?;
    Ok(key)
}

/// Not through a phase: its output is a secret, and a phase writes a log.
fn generate() -> anyhow::Result<SigningKey> {
    let openssl = Program::new("openssl").args(["genpkey", "-algorithm", "EC"]);
    let pem = openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "PEM"]).capture()?;
    Ok(SigningKey { pem })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn fresh() -> SigningKey {
        generate().unwrap()
    }

    /// The api-server could not find the key that a token names.
    #[test]
    fn the_public_half_carries_what_a_verifier_looks_for_and_no_secret() {
        let jwk = fresh().public().unwrap();
        for field in ["kid", "kty", "crv", "x", "y", "alg"] {
            assert!(jwk.get(field).is_some(), "{field} is missing in {jwk}");
        }
        assert_eq!(jwk.get("d"), None);
    }
}
