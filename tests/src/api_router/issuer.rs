//! Tokens that the api-server accepts: an issuer with a key of its own, over HTTP.

use api_server::auth::{Issuers, TokenClaims, Verifier};
use axum::{Json, Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const AUDIENCE: &str = "smb-copilot";

/// Issuer of the tokens of tests.
pub struct TestIssuer {
    url: String,
    key: EncodingKey,
}

impl TestIssuer {
    /// Starts the server of its keys.
    ///
    /// # Errors
    /// Returns an error if no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let pair = SigningKey::from_bytes(&rand::random());
        let x = URL_SAFE_NO_PAD.encode(pair.verifying_key().as_bytes());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "one", "x": x}]});
        let router = Router::new().route("/keys", get(|| async { Json(keys) }));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = EncodingKey::from_ed_der(pair.to_pkcs8_der()?.as_bytes());
        Ok(Self { url, key })
    }

    pub(super) fn verifier(&self) -> anyhow::Result<Verifier> {
        let issuer = serde_json::from_value(self.configuration())?;
        Ok(Verifier::new(Issuers::new(vec![issuer])?)?.with_token_claims(TokenClaims::Always))
    }

    /// Returns the entry of the issuer in `SMBCOPILOT_OIDC_ISSUERS`.
    #[must_use]
    pub fn configuration(&self) -> Value {
        json!({"issuer": self.url, "audience": AUDIENCE, "jwksUrl": format!("{}/keys", self.url), "algorithms": ["EdDSA"]})
    }

    /// Returns a token of Anna, a builder of the tenant.
    ///
    /// # Errors
    /// Returns an error if the token cannot be signed.
    pub fn token(&self, tenant: &str) -> anyhow::Result<String> {
        self.token_with_roles(tenant, &["builder"])
    }

    /// Returns a token of Anna, who has these roles in the tenant.
    ///
    /// # Errors
    /// Returns an error if the token cannot be signed.
    pub fn token_with_roles(&self, tenant: &str, roles: &[&str]) -> anyhow::Result<String> {
        self.sign(&json!({"email": "anna@acme.example", "smb_tenant": tenant, "smb_roles": roles}))
    }

    /// Returns a token of an administrator of the platform.
    ///
    /// # Errors
    /// Returns an error if the token cannot be signed.
    pub fn platform_token(&self) -> anyhow::Result<String> {
        self.sign(&json!({"email": "ops@platform.example", "smb_roles": ["platform-admin"]}))
    }

    fn sign(&self, holder: &Value) -> anyhow::Result<String> {
        let now = telemetry::clock::now().as_second();
        let mut claims = json!({"iss": self.url, "aud": AUDIENCE, "iat": now, "exp": now + 7_200});
        if let (Some(claims), Some(holder)) = (claims.as_object_mut(), holder.as_object()) {
            claims.extend(holder.clone());
        }
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::EdDSA) };
        Ok(encode(&header, &claims, &self.key)?)
    }
}
