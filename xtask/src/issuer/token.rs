//! Tokens, as an identity provider of a customer would issue them.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jsonwebtoken::{Algorithm, Header, encode};
use serde::{Deserialize, Serialize};

use super::key::SigningKey;

/// For whom a token is made.
#[derive(Args)]
pub(crate) struct Holder {
    /// The tenant's slug.
    #[arg(long, default_value = "acme")]
    pub(crate) tenant: String,
    /// A role in that tenant; may be given several times.
    #[arg(long = "role", default_value = "admin")]
    pub(crate) roles: Vec<String>,
    /// The user; by default <role>@<tenant>.example.
    #[arg(long)]
    pub(crate) email: Option<String>,
}

impl Holder {
    /// Somebody with one role in a tenant.
    pub(crate) fn new(tenant: &str, role: &str) -> Self {
        Self { tenant: tenant.to_owned(), roles: vec![role.to_owned()], email: None }
    }

    fn email(&self) -> String {
        self.email.clone().unwrap_or_else(|| {
            let role = self.roles.first().map_or("user", String::as_str);
            format!("{role}@{}.example", self.tenant)
        })
    }
}

/// Long enough for a working day.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    email: String,
    smb_tenant: String,
    smb_roles: Vec<String>,
    /// Seconds since 1970, as the next two.
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Signs a token that is valid from now on for twelve hours.
#[expect(clippy::disallowed_methods, reason = "the one clock that xtask needs")]
pub(crate) fn mint(key: &SigningKey, holder: &Holder) -> anyhow::Result<String> {
    sign(key, holder, jiff::Timestamp::now())
}

fn sign(key: &SigningKey, holder: &Holder, now: jiff::Timestamp) -> anyhow::Result<String> {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key.id());
    let claims = Claims {
        iss: super::URL.to_owned(),
        aud: super::AUDIENCE.to_owned(),
        sub: holder.email(),
        email: holder.email(),
        smb_tenant: holder.tenant.clone(),
        smb_roles: holder.roles.clone(),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: now.as_second().saturating_add_unsigned(LIFETIME.as_secs()),
    };
    encode(&header, &claims, &key.encoding()?).context("failed to sign a token")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::super::key::tests::fresh;
    use super::*;

    /// Every pasted curl would answer 401.
    #[test]
    fn a_token_is_verified_by_the_published_key() {
        let key = fresh();
        let now = jiff::Timestamp::from_second(4_000_000_000).unwrap();
        let token = sign(&key, &Holder::new("acme", "viewer"), now).unwrap();
        let jwk = serde_json::from_value(key.public().unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[super::super::AUDIENCE]);
        validation.set_issuer(&[super::super::URL]);
        let claims =
            decode::<Claims>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap().claims;
        assert_eq!((claims.smb_tenant.as_str(), claims.email.as_str()), ("acme", "viewer@acme.example"));
        assert_eq!(claims.exp - claims.nbf, 12 * 60 * 60);
    }
}
