//! The trusted token issuers, as configured.

use std::{path::PathBuf, str::FromStr};

use domain::{
    identity::Email,
    permission::{PLATFORM_ROLES, TENANT_ROLES},
};
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
    /// Whether its claim `email_verified` is believed, so that the address of a token finds an invited user.
    #[serde(default)]
    pub trusted_for_email: bool,
    /// Creation of users at their first login; absent means that only invited users are admitted.
    #[serde(default)]
    pub just_in_time: Option<JustInTime>,
    /// ID of the client of this server at the issuer, with which people log in; absent means that they cannot.
    #[serde(default)]
    pub client_id: Option<String>,
    /// File with the secret of the client; absent for a public client, which PKCE alone protects.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
}

/// Creation of users at their first login.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JustInTime {
    /// Built-in role of new users.
    pub default_role: String,
    /// Domains that their addresses must have.
    pub domains: Vec<String>,
}

impl Issuer {
    /// Returns whether the issuer may sign a token with these claims. An issuer that is bound to tenants can neither
    /// name another tenant nor grant platform roles. If the claims name no tenant, that of the user is checked later.
    #[must_use]
    pub(super) fn may_issue(&self, claims: &Claims) -> bool {
        let is_platform = claims.roles.iter().any(|role| PLATFORM_ROLES.contains(&role.as_str()));
        match &self.tenants {
            Some(_) => !is_platform && claims.tenant.as_ref().is_none_or(|slug| self.speaks_for(slug)),
            None => true,
        }
    }

    /// Returns whether the issuer may sign tokens of users of a tenant.
    #[must_use]
    pub(super) fn speaks_for(&self, slug: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.iter().any(|tenant| tenant == slug))
    }

    /// Returns the tenant of the users that the issuer may create; `None` if it is not known.
    pub(super) fn tenant_of_new_users<'a>(&'a self, claims: &'a Claims) -> Option<&'a str> {
        match (&claims.tenant, self.tenants.as_deref()) {
            (Some(slug), _) => Some(slug),
            (None, Some([only])) => Some(only),
            (None, _) => None,
        }
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
    /// An issuer creates users without being trusted for their addresses, with a role that does not exist, or of any domain.
    #[error(
        "failed to accept justInTime of issuer {issuer}: it needs trustedForEmail, a built-in role other than owner and admin as defaultRole, and at least one domain, in lower case"
    )]
    JustInTime {
        /// The `issuer` as configured.
        issuer: String,
    },
    /// An issuer has an empty client ID, or a secret without a client.
    #[error(
        "failed to accept the client of issuer {issuer}: clientSecretFile needs a clientId, which is not empty"
    )]
    Client {
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
            let is_client = entry.client_id.as_ref().is_some_and(|id| !id.trim().is_empty());
            if !is_client && (entry.client_id.is_some() || entry.client_secret_file.is_some()) {
                return Err(Error::Client { issuer });
            }
            if entry.just_in_time.as_ref().is_some_and(|users| !entry.trusted_for_email || !users.is_valid())
            {
                return Err(Error::JustInTime { issuer });
            }
            Url::parse(&issuer).map_err(|source| Error::Url { issuer, source })?;
        }
        Ok(Self(issuers))
    }

    /// Returns the issuers, in configured order.
    #[must_use]
    pub fn as_slice(&self) -> &[Issuer] {
        &self.0
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

impl JustInTime {
    fn is_valid(&self) -> bool {
        // Whoever can change the users of a tenant is invited by somebody who may.
        let is_role = TENANT_ROLES.contains(&self.default_role.as_str());
        let is_powerful = ["owner", "admin"].contains(&self.default_role.as_str());
        let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"-.".contains(&letter);
        let is_domain = |domain: &String| {
            let email = Email::parse(&format!("someone@{domain}"));
            domain.bytes().all(is_letter) && email.is_ok_and(|email| email.domain() == domain)
        };
        is_role && !is_powerful && !self.domains.is_empty() && self.domains.iter().all(is_domain)
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

    /// Users are created for trusted addresses of named domains only, and never with a role that administers the tenant.
    #[test]
    fn users_are_created_under_conditions() {
        let text = |trusted: bool, role: &str, domains: &str| {
            format!(
                r#"[{{"issuer": "https://id.example", "audience": "smb", "trustedForEmail": {trusted},
                     "justInTime": {{"defaultRole": "{role}", "domains": {domains}}}}}]"#
            )
        };
        assert!(text(true, "member", r#"["acme.example"]"#).parse::<Issuers>().is_ok());
        for (trusted, role, domains) in [
            (false, "member", r#"["acme.example"]"#),
            (true, "owner", r#"["acme.example"]"#),
            (true, "admin", r#"["acme.example"]"#),
            (true, "platform-admin", r#"["acme.example"]"#),
            (true, "member", "[]"),
            (true, "member", r#"["Acme.example"]"#),
            (true, "member", r#"["*"]"#),
        ] {
            assert!(error_for(&text(trusted, role, domains)).contains("justInTime"), "{role} {domains}");
        }
    }

    /// Each issuer has exactly one audience.
    #[test]
    fn an_issuer_listed_twice_is_refused() {
        let one = r#"{"issuer": "https://id.example", "audience": "smb"}"#;
        assert!(error_for(&format!("[{one}, {one}]")).contains("two entries"));
    }
}
