//! The trusted token issuers, as configured.

use std::str::FromStr;

use domain::permission::PLATFORM_ROLES;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::Deserialize;
use url::Url;

use super::claims::Claims;

/// Trusted token issuer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// Exact `iss` claim of its tokens.
    pub issuer: String,
    /// `aud` claim that its tokens must have.
    pub audience: String,
    /// URL of its key set; absent means OpenID Connect discovery under `issuer`.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// Accepted signature algorithms, regardless of the token's header; absent means `RS256` alone.
    #[serde(default = "rs256")]
    pub algorithms: Vec<Algorithm>,
    /// Slugs of the tenants whose tokens it may sign; absent means all tenants and platform administrators.
    #[serde(default)]
    pub tenants: Option<Vec<String>>,
}

impl Issuer {
    /// Returns whether the issuer may sign a token with these claims. An issuer that is bound to tenants can neither
    /// name another tenant nor grant platform roles.
    #[must_use]
    pub(super) fn may_issue(&self, claims: &Claims) -> bool {
        let Some(tenants) = &self.tenants else { return true };
        let names_own_tenant = claims.tenant.as_ref().is_some_and(|tenant| tenants.contains(tenant));
        let is_platform = claims.roles.iter().any(|role| PLATFORM_ROLES.contains(&role.as_str()));
        names_own_tenant && !is_platform
    }
}

/// Issuers in `SMBCOPILOT_OIDC_ISSUERS`, which is a JSON list of [`Issuer`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuers(Vec<Issuer>);

/// Error in the configured issuers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not a JSON list of issuers.
    #[error("failed to parse the list of issuers")]
    Json(#[from] serde_json::Error),
    /// An issuer is not a URL, so its keys cannot be discovered.
    #[error("failed to parse issuer {issuer} as a URL")]
    Url {
        /// The `issuer` as configured.
        issuer: String,
        /// Parse error.
        source: url::ParseError,
    },
    /// An issuer accepts no algorithm, or a symmetric one, whose verification key is a secret.
    #[error(
        "failed to accept the algorithms of issuer {issuer}: list at least one, and none of the HS family"
    )]
    Algorithms {
        /// The `issuer` as configured.
        issuer: String,
    },
    /// Two entries have the same `issuer`.
    #[error("failed to accept two entries for issuer {issuer}")]
    Duplicate {
        /// The `issuer` as configured.
        issuer: String,
    },
}

impl Issuers {
    /// Validates a list of issuers.
    ///
    /// # Errors
    /// Returns an error if an issuer is not a URL, is listed twice, or accepts no algorithm or a symmetric one.
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, Error> {
        for (index, entry) in issuers.iter().enumerate() {
            let issuer = entry.issuer.clone();
            if issuers.iter().take(index).any(|earlier| earlier.issuer == issuer) {
                return Err(Error::Duplicate { issuer });
            }
            let symmetric = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
            if entry.algorithms.is_empty() || entry.algorithms.iter().any(symmetric) {
                return Err(Error::Algorithms { issuer });
            }
            Url::parse(&issuer).map_err(|source| Error::Url { issuer, source })?;
        }
        Ok(Self(issuers))
    }

    /// Returns the issuers, in configured order.
    #[must_use]
    pub fn into_inner(self) -> Vec<Issuer> {
        self.0
    }
}

impl FromStr for Issuers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(serde_json::from_str(text)?)
    }
}

fn rs256() -> Vec<Algorithm> {
    vec![Algorithm::RS256]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_for(text: &str) -> String {
        text.parse::<Issuers>().unwrap_err().to_string()
    }

    /// Knowledge of a public key never suffices to sign tokens.
    #[test]
    fn a_symmetric_algorithm_is_refused() {
        let text = r#"[{"issuer": "https://id.example", "audience": "smb", "algorithms": ["HS256"]}]"#;
        assert!(error_for(text).contains("none of the HS family"));
    }

    /// A misspelt field is an error instead of an absent field, which would select other keys.
    #[test]
    fn an_unknown_field_is_refused() {
        let text =
            r#"[{"issuer": "https://id.example", "audience": "smb", "jwksUri": "https://id.example/k"}]"#;
        assert_eq!(error_for(text), "failed to parse the list of issuers");
    }

    /// A minimal configuration suffices: keys by discovery, algorithm RS256.
    #[test]
    fn issuer_and_audience_are_sufficient() {
        let text = r#"[{"issuer": "https://id.example", "audience": "smb"}]"#;
        let issuers = text.parse::<Issuers>().unwrap().into_inner();
        assert_eq!(issuers[0].algorithms, [Algorithm::RS256]);
    }

    /// Each issuer has exactly one audience.
    #[test]
    fn an_issuer_listed_twice_is_refused() {
        let one = r#"{"issuer": "https://id.example", "audience": "smb"}"#;
        assert!(error_for(&format!("[{one}, {one}]")).contains("two entries"));
    }
}
