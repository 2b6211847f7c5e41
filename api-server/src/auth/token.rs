//! From a bearer token to its claims: by the issuer's keys, and never by what the token's header wishes.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::{
    claims::Claims,
    fetch,
    issuer::{Issuer, Issuers},
    jwks::{self, KeySet},
};

/// Longer tokens are nobody's: headers of 8 KiB are refused by common proxies.
const MAX_BYTES: usize = 8 * 1024;
/// How far the issuer's clock and ours may differ, in seconds.
const LEEWAY: u64 = 30;

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a JSON Web Token, or one without the claims that are required.
    #[error("failed to read the token: {reason}")]
    Malformed {
        /// What is wrong, in a few words.
        reason: &'static str,
    },
    /// The token's issuer is not configured.
    #[error("failed to trust the token's issuer")]
    UnknownIssuer,
    /// The token's algorithm is not accepted from this issuer.
    #[error("failed to accept the token's signature algorithm")]
    Algorithm,
    /// Signature, audience or times do not hold.
    #[error("failed to verify the token: {reason}")]
    Refused {
        /// What does not hold, in a few words.
        reason: &'static str,
    },
    /// The key that it names cannot be had.
    #[error("failed to find the token's key")]
    Key(#[from] jwks::Error),
}

/// Verifies tokens of the configured issuers.
pub struct Verifier(Vec<(Issuer, KeySet)>);

#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

impl Verifier {
    /// A verifier with empty caches; keys are fetched when the first token comes.
    ///
    /// # Errors
    /// No HTTP client can be built.
    pub fn new(issuers: Issuers) -> reqwest::Result<Self> {
        let client = fetch::client()?;
        let with_keys = |issuer: Issuer| (issuer.clone(), KeySet::new(issuer, client.clone()));
        Ok(Self(issuers.into_inner().into_iter().map(with_keys).collect()))
    }

    /// The claims of a token that holds now.
    ///
    /// # Errors
    /// The token is malformed, not trusted, or no longer (or not yet) valid; or the issuer's keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        if token.len() > MAX_BYTES {
            return Err(Error::Malformed { reason: "it is longer than 8 KiB" });
        }
        let header = decode_header(token).map_err(|_| Error::Malformed { reason: "it is no JWT" })?;
        let (issuer, keys) = self.issuer_of(token)?;
        if !issuer.algorithms.contains(&header.alg) {
            return Err(Error::Algorithm);
        }
        let key = keys.key(header.kid.as_deref()).await?;
        let validation = validation(issuer, &key)?;
        decode::<Claims>(token, &key, &validation)
            .map(|data| data.claims)
            .map_err(|error| refusal(error.kind()))
    }

    /// The issuer that a token names. The claim is not yet trusted: it only chooses by whom to verify it.
    fn issuer_of(&self, token: &str) -> Result<&(Issuer, KeySet), Error> {
        let Unverified { iss } = dangerous::insecure_decode_claims(token)
            .map_err(|_| Error::Malformed { reason: "it names no issuer" })?;
        self.0.iter().find(|(issuer, _)| issuer.issuer == iss).ok_or(Error::UnknownIssuer)
    }
}

fn validation(issuer: &Issuer, key: &DecodingKey) -> Result<Validation, Error> {
    let of_key = |algorithm: &&Algorithm| algorithm.family() == key.family();
    let algorithms: Vec<_> = issuer.algorithms.iter().filter(of_key).copied().collect();
    let first = algorithms.first().ok_or(Error::Algorithm)?;
    let mut validation = Validation::new(*first);
    validation.algorithms = algorithms;
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_audience(&[&issuer.audience]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    Ok(validation)
}

fn refusal(kind: &ErrorKind) -> Error {
    match kind {
        ErrorKind::ExpiredSignature => Error::Refused { reason: "it has expired" },
        ErrorKind::ImmatureSignature => Error::Refused { reason: "it is not valid yet" },
        ErrorKind::InvalidAudience => Error::Refused { reason: "it is for another audience" },
        ErrorKind::InvalidSignature => Error::Refused { reason: "its signature does not hold" },
        ErrorKind::InvalidAlgorithm => Error::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            Error::Malformed { reason: "a claim is missing or malformed; needed are iss, aud, exp and email" }
        }
        _ => Error::Refused { reason: "it does not hold" },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::testing::TestIssuer;

    async fn refusal(issuer: &TestIssuer, others: Value) -> String {
        let token = issuer.sign(&issuer.claims(&others));
        issuer.verifier().verify(&token).await.unwrap_err().to_string()
    }

    /// Nobody can log in.
    #[tokio::test]
    async fn a_token_of_the_issuer_holds_and_its_key_is_fetched_once() {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier();
        for _ in 0..3 {
            let claims = verifier.verify(&issuer.token("globex", "viewer")).await.unwrap();
            assert_eq!((claims.tenant.as_deref(), claims.roles), (Some("globex"), vec!["viewer".to_owned()]));
        }
        assert_eq!(issuer.fetches(), 1);
    }

    /// A stolen, old or foreign token opens the door.
    #[tokio::test]
    async fn what_does_not_hold_is_refused_with_its_reason() {
        let issuer = TestIssuer::start().await;
        let cases = [
            (json!({"exp": 1_000_000_000}), "it has expired"),
            (json!({"nbf": 9_000_000_000_i64}), "it is not valid yet"),
            (json!({"aud": "another"}), "it is for another audience"),
            (json!({"exp": null}), "a claim is missing"),
            (json!({"aud": null}), "a claim is missing"),
            (json!({"email": null}), "a claim is missing"),
            (json!({"iss": "https://elsewhere.example"}), "failed to trust the token's issuer"),
        ];
        for (others, reason) in cases {
            let refusal = refusal(&issuer, others.clone()).await;
            assert!(refusal.contains(reason), "{others}: {refusal}");
        }
    }

    /// Whoever runs any issuer can sign as ours.
    #[tokio::test]
    async fn another_key_of_the_same_name_is_refused() {
        let (ours, theirs) = (TestIssuer::start().await, TestIssuer::start().await);
        let forged = theirs.sign(&theirs.claims(&json!({"iss": ours.url})));
        let error = ours.verifier().verify(&forged).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to verify the token: its signature does not hold");
    }

    /// A token signs itself with the public key, or not at all.
    #[tokio::test]
    async fn an_algorithm_that_is_not_pinned_is_refused() {
        let issuer = TestIssuer::start().await;
        let claims = issuer.claims(&json!({}));
        let key = jsonwebtoken::EncodingKey::from_secret(b"public");
        let forged = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        let error = issuer.verifier().verify(&forged).await.unwrap_err();
        assert!(matches!(error, Error::Algorithm), "{error}");
        assert_eq!(issuer.fetches(), 0);
    }

    /// Invented key ids make us hammer the issuer, or lock everyone else out.
    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_in_a_while() {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier();
        let good = issuer.token("acme", "viewer");
        verifier.verify(&good).await.unwrap();
        let header = good.split('.').next().unwrap();
        let other = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            r#"{"alg":"EdDSA","kid":"two"}"#,
        );
        let stranger = good.replacen(header, &other, 1);
        for _ in 0..3 {
            assert!(matches!(verifier.verify(&stranger).await, Err(Error::Key(_))));
        }
        assert_eq!(issuer.fetches(), 1, "the cool-down holds");
        assert!(verifier.verify(&good).await.is_ok());
    }
}
