//! The token issuers that are trusted, by configuration.

use std::str::FromStr;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::Deserialize;
use url::Url;

/// One issuer: who it is, for whom its tokens must be, and how they may be signed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// The `aud` that a token must carry.
    pub audience: String,
    /// Where its keys are; absent means by OpenID discovery under `issuer`.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// The signature algorithms accepted, whatever a token's header says; absent means `RS256` alone.
    #[serde(default = "rs256")]
    pub algorithms: Vec<Algorithm>,
}

/// The issuers of `SMBCOPILOT_OIDC_ISSUERS`: a JSON list of [`Issuer`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuers(Vec<Issuer>);

/// Why the configured issuers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no JSON list of issuers.
    #[error("failed to parse the list of issuers")]
    Json(#[from] serde_json::Error),
    /// An issuer's address is no URL, so its keys cannot be discovered.
    #[error("failed to parse issuer {issuer} as a URL")]
    Url {
        /// The `issuer` as configured.
        issuer: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// An issuer accepts no algorithm, or one whose verification key is a secret.
    #[error("failed to accept the algorithms of issuer {issuer}: name one or more, none of the HS family")]
    Algorithms {
        /// The `issuer` as configured.
        issuer: String,
    },
    /// Two entries have the same `issuer`.
    #[error("failed to tell two entries for issuer {issuer} apart")]
    Duplicate {
        /// The `issuer` as configured.
        issuer: String,
    },
}

impl Issuers {
    /// Checks a list of issuers.
    ///
    /// # Errors
    /// An issuer is no URL, is named twice, or accepts no or a symmetric algorithm.
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

    /// The issuers, in configured order.
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

    fn refusal(text: &str) -> String {
        text.parse::<Issuers>().unwrap_err().to_string()
    }

    /// Everyone who knows the public key could sign tokens.
    #[test]
    fn a_symmetric_algorithm_is_refused() {
        let text = r#"[{"issuer": "https://id.example", "audience": "smb", "algorithms": ["HS256"]}]"#;
        assert!(refusal(text).contains("none of the HS family"));
    }

    /// A misspelt field is taken for an absent one, and the wrong keys are used.
    #[test]
    fn an_unknown_field_is_refused() {
        let text =
            r#"[{"issuer": "https://id.example", "audience": "smb", "jwksUri": "https://id.example/k"}]"#;
        assert_eq!(refusal(text), "failed to parse the list of issuers");
    }

    /// An installation with a plain issuer does not start.
    #[test]
    fn issuer_and_audience_are_enough() {
        let text = r#"[{"issuer": "https://id.example", "audience": "smb"}]"#;
        let issuers = text.parse::<Issuers>().unwrap().into_inner();
        assert_eq!(issuers[0].algorithms, [Algorithm::RS256]);
    }

    /// Which of two audiences holds is left to chance.
    #[test]
    fn an_issuer_named_twice_is_refused() {
        let one = r#"{"issuer": "https://id.example", "audience": "smb"}"#;
        assert!(refusal(&format!("[{one}, {one}]")).contains("two entries"));
    }
}
