//! Verification of bearer tokens with the keys of their issuers. The algorithms are configured; the token's header does
//! not choose them.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::{
    claims::Claims,
    fetch,
    issuer::{Issuer, Issuers},
    jwks::{self, KeySet},
};

/// Maximum length of a token. Common proxies refuse headers longer than 8 KiB.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Allowed difference between the issuer's clock and the server's, in seconds.
const MAX_CLOCK_SKEW: u64 = 30;

/// Error of a verification.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is not a valid JWT, or lacks a required claim.
    #[error("failed to read the token: {reason}")]
    Malformed {
        /// Reason.
        reason: &'static str,
    },
    /// The token's issuer is not configured.
    #[error("failed to accept the token: its issuer is not trusted")]
    UnknownIssuer,
    /// The issuer is not allowed to sign with the token's algorithm.
    #[error("failed to accept the token: its signature algorithm is not allowed for its issuer")]
    Algorithm,
    /// The signature, the audience or a time is not valid.
    #[error("failed to verify the token: {reason}")]
    Refused {
        /// Reason.
        reason: &'static str,
    },
    /// The signing key of the token cannot be found.
    #[error("failed to find the signing key of the token")]
    Key(#[from] jwks::Error),
}

/// Verifier of tokens of the configured issuers.
pub struct Verifier(Vec<(Issuer, KeySet)>);

/// Claims of a token whose signature is not verified yet.
#[derive(Deserialize)]
struct UnverifiedClaims {
    iss: String,
}

impl Verifier {
    /// Builds a verifier with empty caches. An issuer's keys are fetched for its first token.
    ///
    /// # Errors
    /// Returns an error if the HTTP client cannot be built.
    pub fn new(issuers: Issuers) -> reqwest::Result<Self> {
        let client = fetch::client()?;
        let with_keys = |issuer: Issuer| (issuer.clone(), KeySet::new(issuer, client.clone()));
        Ok(Self(issuers.into_inner().into_iter().map(with_keys).collect()))
    }

    /// Returns the claims of a token that is valid now.
    ///
    /// # Errors
    /// Returns an error if the token is malformed, not trusted, expired or not valid yet, or if the issuer's keys are
    /// unavailable.
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Malformed { reason: "longer than 8 KiB" });
        }
        let header = decode_header(token).map_err(|_| Error::Malformed { reason: "not a valid JWT" })?;
        let (issuer, keys) = self.issuer_of(token)?;
        if !issuer.algorithms.contains(&header.alg) {
            return Err(Error::Algorithm);
        }
        let key = keys.key(header.kid.as_deref()).await?;
        let validation = validation(issuer, &key)?;
        decode::<Claims>(token, &key, &validation)
            .map(|data| data.claims)
            .map_err(|error| error_from(error.kind()))
    }

    /// Returns the issuer that a token names. The claim is not trusted yet: it only selects the keys for the
    /// verification.
    fn issuer_of(&self, token: &str) -> Result<&(Issuer, KeySet), Error> {
        let UnverifiedClaims { iss } = dangerous::insecure_decode_claims(token)
            .map_err(|_| Error::Malformed { reason: "the claim iss is missing" })?;
        self.0.iter().find(|(issuer, _)| issuer.issuer == iss).ok_or(Error::UnknownIssuer)
    }
}

fn validation(issuer: &Issuer, key: &DecodingKey) -> Result<Validation, Error> {
    let fits_key = |algorithm: &&Algorithm| algorithm.family() == key.family();
    let algorithms: Vec<_> = issuer.algorithms.iter().filter(fits_key).copied().collect();
    let first = algorithms.first().ok_or(Error::Algorithm)?;
    let mut validation = Validation::new(*first);
    validation.algorithms = algorithms;
    validation.leeway = MAX_CLOCK_SKEW;
    validation.validate_nbf = true;
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_audience(&[&issuer.audience]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    Ok(validation)
}

fn error_from(kind: &ErrorKind) -> Error {
    match kind {
        ErrorKind::ExpiredSignature => Error::Refused { reason: "expired" },
        ErrorKind::ImmatureSignature => Error::Refused { reason: "not valid yet" },
        ErrorKind::InvalidAudience => Error::Refused { reason: "issued for another audience" },
        ErrorKind::InvalidSignature => Error::Refused { reason: "invalid signature" },
        ErrorKind::InvalidAlgorithm => Error::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            Error::Malformed { reason: "a required claim is missing or malformed (iss, aud, exp, email)" }
        }
        _ => Error::Refused { reason: "not valid" },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::testing::TestIssuer;

    async fn error_for(issuer: &TestIssuer, others: Value) -> String {
        let token = issuer.sign(&issuer.claims(&others));
        issuer.verifier().verify(&token).await.unwrap_err().to_string()
    }

    /// A valid token is accepted, and its issuer's keys are cached.
    #[tokio::test]
    async fn a_valid_token_is_accepted_and_its_key_is_fetched_once() {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier();
        for _ in 0..3 {
            let claims = verifier.verify(&issuer.token("globex", "viewer")).await.unwrap();
            assert_eq!((claims.tenant.as_deref(), claims.roles), (Some("globex"), vec!["viewer".to_owned()]));
        }
        assert_eq!(issuer.fetches(), 1);
    }

    /// Expired tokens and tokens for others are refused, and the error names the reason.
    #[tokio::test]
    async fn invalid_claims_are_refused_with_the_reason() {
        let issuer = TestIssuer::start().await;
        let cases = [
            (json!({"exp": 1_000_000_000}), "expired"),
            (json!({"nbf": 9_000_000_000_i64}), "not valid yet"),
            (json!({"aud": "another"}), "issued for another audience"),
            (json!({"exp": null}), "a required claim is missing"),
            (json!({"aud": null}), "a required claim is missing"),
            (json!({"email": null}), "a required claim is missing"),
            (json!({"iss": "https://elsewhere.example"}), "its issuer is not trusted"),
        ];
        for (others, reason) in cases {
            let error = error_for(&issuer, others.clone()).await;
            assert!(error.contains(reason), "{others}: {error}");
        }
    }

    /// An issuer cannot sign tokens of another issuer.
    #[tokio::test]
    async fn another_issuers_key_with_the_same_id_is_refused() {
        let (ours, theirs) = (TestIssuer::start().await, TestIssuer::start().await);
        let forged = theirs.sign(&theirs.claims(&json!({"iss": ours.url})));
        let error = ours.verifier().verify(&forged).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to verify the token: invalid signature");
    }

    /// The configuration alone selects the algorithm, so that a public key is never used as an HMAC secret.
    #[tokio::test]
    async fn an_algorithm_that_is_not_configured_is_refused() {
        let issuer = TestIssuer::start().await;
        let claims = issuer.claims(&json!({}));
        let key = jsonwebtoken::EncodingKey::from_secret(b"public");
        let forged = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        let error = issuer.verifier().verify(&forged).await.unwrap_err();
        assert!(matches!(error, Error::Algorithm), "{error}");
        assert_eq!(issuer.fetches(), 0);
    }

    /// Invented key ids neither flood the issuer with requests nor block valid tokens.
    #[tokio::test]
    async fn unknown_keys_cause_one_fetch_per_interval() {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier();
        let good = issuer.token("acme", "viewer");
        verifier.verify(&good).await.unwrap();
        let header = good.split('.').next().unwrap();
        let other = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            r#"{"alg":"EdDSA","kid":"two"}"#,
        );
        let unknown_key = good.replacen(header, &other, 1);
        for _ in 0..3 {
            assert!(matches!(verifier.verify(&unknown_key).await, Err(Error::Key(_))));
        }
        assert_eq!(issuer.fetches(), 1, "no fetch within the interval");
        assert!(verifier.verify(&good).await.is_ok());
    }
}
