//! Tokens with the claims that a customer's identity provider would issue.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use serde_json::json;

use super::key::SigningKey;

/// Roles that the api-server knows.
const ROLES: [&str; 11] = [
    "owner",
    "admin",
    "builder",
    "operator",
    "member",
    "viewer",
    "billing",
    "auditor",
    "platform-admin",
    "platform-operator",
    "platform-support",
];

/// Holder of a token.
#[derive(Args)]
pub(crate) struct Holder {
    /// Name of the tenant.
    #[arg(long, default_value = "acme")]
    pub(crate) tenant: String,
    /// Role in the tenant, or of a platform administrator; may be repeated.
    #[arg(long = "role", default_value = "admin", value_parser = ROLES)]
    pub(crate) roles: Vec<String>,
    /// Email address of the user [default: <role>@<tenant>.example].
    #[arg(long)]
    pub(crate) email: Option<String>,
}

impl Holder {
    /// Returns a holder with one role in a tenant.
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

/// Covers a working day.
const TOKEN_TTL: Duration = Duration::from_secs(12 * 60 * 60);

/// Returns a token signed with `key` that is valid for twelve hours from now.
#[expect(clippy::disallowed_methods, reason = "the one clock that xtask needs")]
pub(crate) fn mint(key: &SigningKey, holder: &Holder) -> anyhow::Result<String> {
    sign(key, holder, jiff::Timestamp::now())
}

fn sign(key: &SigningKey, holder: &Holder, now: jiff::Timestamp) -> anyhow::Result<String> {
    let header = json!({"typ": "JWT", "alg": super::ALGORITHM, "kid": key.id()});
    let now = now.as_second(); // seconds since 1970
    let claims = json!({
        "iss": super::URL,
        "aud": super::AUDIENCE,
        "sub": holder.email(),
        "email": holder.email(),
        "smb_tenant": holder.tenant,
        "smb_roles": holder.roles,
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add_unsigned(TOKEN_TTL.as_secs()),
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::super::key::tests::fresh;
    use super::*;

    /// Each role that can be requested is one that the api-server knows, and the reverse.
    #[test]
    fn the_roles_are_those_of_the_api_server() {
        use domain::permission::{PLATFORM_ROLES, TENANT_ROLES};
        assert_eq!(ROLES.to_vec(), [TENANT_ROLES, PLATFORM_ROLES].concat());
    }

    /// The api-server accepts a token with the key that the issuer publishes.
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
            decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap().claims;
        assert_eq!(
            (&claims["smb_tenant"], &claims["email"]),
            (&json!("acme"), &json!("viewer@acme.example"))
        );
        let seconds = |claim: &str| claims[claim].as_i64().unwrap();
        assert_eq!(seconds("exp") - seconds("nbf"), 12 * 60 * 60);
    }
}
