//! The key that signs tokens of the local issuer.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
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
    /// Signs a message with ES256, in the fixed-length form that JSON Web Signatures use.
    ///
    /// # Errors
    /// Returns an error if the key is not a private key on the curve P-256.
    pub(super) fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let signature = self.pair()?.sign(&SystemRandom::new(), message);
        Ok(signature.ok().context("failed to sign with the issuer's key")?.as_ref().to_vec())
    }

    /// Returns the key ID, by which a verifier finds the public key.
    pub(super) fn id(&self) -> String {
        let digest = Sha256::digest(self.pem.as_bytes());
        hex::encode(digest.get(..8).unwrap_or_default())
    }

    /// Returns the public key as a JSON Web Key.
    ///
    /// # Errors
    /// Returns an error if the key is not a private key on the curve P-256.
    pub(super) fn public(&self) -> anyhow::Result<Value> {
        let pair = self.pair()?;
        // An uncompressed point: the byte 4, x and y.
        let point = pair.public_key().as_ref().get(1..).context("failed to read the public key")?;
        let (x, y) = point.split_at(point.len() / 2);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Ok(json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.id(), "use": "sig", "alg": super::ALGORITHM,
        }))
    }

    fn pair(&self) -> anyhow::Result<EcdsaKeyPair> {
        let body: String = self.pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).context("failed to decode the issuer's key")?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new())
            .map_err(|error| anyhow::anyhow!("failed to read the issuer's key: {error}"))
    }
}

/// Returns the cluster's key.
///
/// # Errors
/// Returns an error if there is none, because the system is not installed.
pub(crate) fn load(cluster: &Cluster) -> anyhow::Result<SigningKey> {
    find(cluster)?.context("the local issuer has no key yet; run `cargo xtask up`")
}

/// Returns the cluster's key, if it has one.
pub(super) fn find(cluster: &Cluster) -> anyhow::Result<Option<SigningKey>> {
    let secret = cluster.find(&["--namespace", NAMESPACE, "secret", SECRET])?;
    let Some(secret) = secret else { return Ok(None) };
    let encoded = secret.pointer("/data/key.pem").and_then(Value::as_str);
    let bytes = STANDARD.decode(encoded.context("failed to find key.pem in the issuer's Secret")?)?;
    Ok(Some(SigningKey { pem: String::from_utf8(bytes).context("failed to read the issuer's key")? }))
}

/// Generates a key and stores it in the cluster.
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

/// Generates a key. openssl is not run through a phase, which would write the key to the log.
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

    /// The published key has every field that a verifier needs, and no private part.
    #[test]
    fn the_public_key_is_complete_and_has_no_private_part() {
        let jwk = fresh().public().unwrap();
        for field in ["kid", "kty", "crv", "x", "y", "alg"] {
            assert!(jwk.get(field).is_some(), "{field} is missing in {jwk}");
        }
        assert_eq!(jwk.get("d"), None);
    }
}
