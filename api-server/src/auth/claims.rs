//! The claims of a token.

use serde::{Deserialize, Serialize};

/// Maximum length of an e-mail address, in bytes (RFC 5321).
const MAX_EMAIL_BYTES: usize = 254;
/// Maximum length of a subject, in bytes (OpenID Connect Core, section 2).
const MAX_SUBJECT_BYTES: usize = 255;
/// Maximum length of the name of a user, in characters. A longer one is ignored.
const MAX_NAME_LETTERS: usize = 120;

/// Claims that the api-server reads. The verification itself checks `iss`, `aud`, `exp` and `nbf`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// Email address that identifies the user; its case is ignored.
    pub email: String,
    /// Whether the issuer has verified the address. Texts such as `"true"` do not count.
    #[serde(default, deserialize_with = "boolean")]
    pub email_verified: bool,
    /// Full name of the user.
    #[serde(default, deserialize_with = "name")]
    pub name: Option<String>,
    /// Issuer of the token.
    #[serde(default)]
    pub iss: String,
    /// Subject: the issuer's own identifier of the user.
    #[serde(default)]
    pub sub: Option<String>,
    /// Slug of the user's tenant; absent for platform administrators.
    #[serde(rename = "smb_tenant", default)]
    pub tenant: Option<String>,
    /// Names of the user's roles; unknown roles grant no permission.
    #[serde(rename = "smb_roles", default)]
    pub roles: Vec<String>,
    /// Methods of the authentication (RFC 8176), such as `pwd` and `mfa`; absent if the issuer does not tell them.
    #[serde(default)]
    pub amr: Option<Vec<String>>,
    /// Expiry, in seconds since 1970.
    #[serde(deserialize_with = "seconds")]
    pub exp: i64,
    /// Time of issue, in seconds since 1970.
    #[serde(default, deserialize_with = "optional_seconds")]
    pub iat: Option<i64>,
    /// Time before which the token is not valid, in seconds since 1970.
    #[serde(default, deserialize_with = "optional_seconds")]
    pub nbf: Option<i64>,
}

impl Claims {
    /// Checks the claims that the library does not know, or checks only if they are present. `now` and `skew` are in
    /// seconds.
    ///
    /// # Errors
    /// Returns the reason why the claims are refused.
    pub(super) fn check(&self, now: i64, skew: i64) -> Result<(), &'static str> {
        let Self {
            email,
            email_verified: _,
            name: _,
            iss: _,
            sub,
            tenant,
            roles: _,
            amr: _,
            exp: _,
            iat,
            nbf,
        } = self;
        if !is_identity(email) || email.len() > MAX_EMAIL_BYTES || !email.contains('@') {
            return Err("the claim email is not an e-mail address");
        }
        if sub.as_ref().is_some_and(|sub| !is_identity(sub) || sub.len() > MAX_SUBJECT_BYTES) {
            return Err("the claim sub is empty, has control characters or more than 255 bytes");
        }
        if tenant.as_ref().is_some_and(|tenant| !is_identity(tenant)) {
            return Err("the claim smb_tenant is empty or has control characters");
        }
        match nbf.or(*iat) {
            Some(start) if start <= now.saturating_add(skew) => Ok(()),
            Some(_) => Err("it was issued in the future"),
            None => Err("one of the claims nbf and iat is required"),
        }
    }
}

/// Returns whether a text can identify somebody: it is visible.
fn is_identity(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// Reads a time, which issuers may write with fractions of a second (RFC 7519, section 2).
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let seconds = serde_json::Number::deserialize(deserializer)?;
    let truncated =
        || seconds.as_f64().filter(|seconds| seconds.is_finite())?.trunc().to_string().parse().ok();
    let seconds = seconds.as_i64().or_else(truncated);
    seconds.ok_or_else(|| serde::de::Error::custom("expected seconds since 1970"))
}

fn boolean<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_bool().unwrap_or_default())
}

/// Reads the name of a user, which does not matter for authentication: one that cannot be used is ignored.
fn name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = serde_json::Value::deserialize(deserializer)?;
    let is_usable = |name: &&str| is_identity(name) && name.chars().count() <= MAX_NAME_LETTERS;
    Ok(name.as_str().map(str::trim).filter(is_usable).map(str::to_owned))
}

fn optional_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    struct Seconds(#[serde(deserialize_with = "seconds")] i64);

    Ok(Option::<Seconds>::deserialize(deserializer)?.map(|Seconds(seconds)| seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(others: &Value) -> Result<(), &'static str> {
        let mut claims = json!({"email": "anna@acme.example", "exp": 1_000, "iat": 500.25});
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        serde_json::from_value::<Claims>(claims).unwrap().check(600, 30)
    }

    /// A token identifies a user visibly, and says since when it is valid.
    #[test]
    fn claims_that_identify_nobody_are_refused() {
        assert_eq!(check(&json!({"sub": "7", "smb_tenant": "acme"})), Ok(()));
        assert_eq!(check(&json!({"nbf": 600, "iat": null})), Ok(()));
        assert_eq!(check(&json!({"iat": 630})), Ok(()));
        for others in [
            json!({"email": ""}),
            json!({"email": " "}),
            json!({"email": "anna"}),
            json!({"email": "anna@acme.example\u{0}"}),
            json!({"email": format!("{}@acme.example", "a".repeat(300))}),
            json!({"sub": ""}),
            json!({"smb_tenant": ""}),
            json!({"iat": null}),
            json!({"iat": 700}),
            json!({"nbf": 700}),
        ] {
            assert!(check(&others).is_err(), "{others}");
        }
    }
}
