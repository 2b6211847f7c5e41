//! Verification of bearer tokens with the keys of their issuers. The algorithms are configured; the token's header does
//! not choose them.

use std::{sync::Arc, time::Duration};

use domain::policy::Grants;
use jsonwebtoken::{Algorithm, Header, Validation, dangerous, decode, decode_header, errors::ErrorKind};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    claims::Claims,
    fetch,
    identify::USER_TTL,
    issuer::{Issuer, Issuers},
    jwks::{self, Key, KeySet},
    key_lookup::FoundKey,
    session::{FoundSession, SessionToken},
    tenant_lookup::FoundTenant,
    token_claims::TokenClaims,
    user_lookup::{FoundLogin, Identity},
};

/// Maximum length of a token. Common proxies refuse headers longer than 8 KiB.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Allowed difference between the issuer's clock and the server's, in seconds.
const MAX_CLOCK_SKEW: u32 = 30;
/// Media types of tokens that authenticate a user (RFC 7519 and RFC 9068), in lower case. Others, such as a notification
/// of a logout, are signed with the same keys for another purpose.
const TOKEN_TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];
/// Time for which a verified token is not verified again, so that an address that sends many invalid tokens does not
/// exhaust the verifications of its neighbours. A withdrawn key is accepted for so much longer.
const TOKEN_TTL: Duration = Duration::from_secs(60);
/// Time after its last verification within which a token is verified again even if its address sends too many others.
const KNOWN_TTL: Duration = Duration::from_secs(3600);
/// Time after which a person whose first login was refused may try again.
const REFUSED_LOGIN_TTL: Duration = Duration::from_secs(10);
/// Time within which a replica records the use of an API key once.
const KEY_USE_INTERVAL: Duration = Duration::from_secs(60);
/// Time for which a tenant and its request rate are cached.
const TENANT_TTL: Duration = Duration::from_secs(10);
/// Time for which the policies of roles are cached: a change takes effect on all replicas within 5 s.
const GRANTS_TTL: Duration = Duration::from_secs(2);
/// Maximum number of entries of each cache: more users than send requests to one replica within a minute.
const MAX_CACHE_ENTRIES: u64 = 10_000;

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
    /// The issuer is bound to other tenants.
    #[error("failed to accept the token: its issuer may not sign tokens of this tenant or of the platform")]
    Tenant,
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

/// Verifier of tokens of the configured issuers, with caches of what it has verified.
pub struct Verifier {
    issuers: Vec<(Issuer, KeySet)>,
    /// Fetches of keys in the background.
    fetches: TaskTracker,
    /// Claims of verified tokens by the SHA-256 of the token.
    verified: Cache<[u8; 32], Arc<Claims>>,
    /// SHA-256 of tokens that were verified within [`KNOWN_TTL`].
    pub(super) known: Cache<[u8; 32], ()>,
    /// Tenants by their slugs.
    pub(super) tenants: Cache<String, FoundTenant>,
    /// Policies by the tenant and the IDs of its own roles, in order.
    pub(super) grants: Cache<(Uuid, Vec<String>), Grants>,
    /// API keys by their SHA-256, also unknown ones.
    pub(super) keys: Cache<[u8; 32], Arc<Option<FoundKey>>>,
    /// Sessions by the SHA-256 of their tokens, also unknown ones.
    pub(super) sessions: Cache<[u8; 32], Arc<Option<FoundSession>>>,
    /// API keys and sessions whose use was recorded within the last minute.
    used_keys: Cache<Uuid, ()>,
    /// Users by their identities.
    pub(super) users: Cache<Identity, Arc<FoundLogin>>,
    /// Whether tenants have an active user, by their IDs.
    pub(super) tenants_with_users: Cache<Uuid, bool>,
    /// Issuers and subjects whose admission was refused.
    pub(super) refused_logins: Cache<(String, String), ()>,
    /// When the claims of a token are sufficient.
    pub(super) token_claims: TokenClaims,
    /// Change of what a role grants, to test that a test notices it.
    #[cfg(test)]
    pub(super) mutant: std::sync::RwLock<Option<super::testing::Mutant>>,
}

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
        let fetches = TaskTracker::new();
        let with_keys =
            |issuer: Issuer| (issuer.clone(), KeySet::new(issuer, client.clone(), fetches.clone()));
        let cache = || Cache::builder().max_capacity(MAX_CACHE_ENTRIES);
        Ok(Self {
            issuers: issuers.into_inner().into_iter().map(with_keys).collect(),
            verified: cache().time_to_live(TOKEN_TTL).build(),
            fetches,
            known: Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(KNOWN_TTL).build(),
            tenants: Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(TENANT_TTL).build(),
            grants: Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(GRANTS_TTL).build(),
            keys: Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(USER_TTL).build(),
            sessions: Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(USER_TTL).build(),
            used_keys: Cache::builder()
                .max_capacity(MAX_CACHE_ENTRIES)
                .time_to_live(KEY_USE_INTERVAL)
                .build(),
            users: Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(USER_TTL).build(),
            tenants_with_users: Cache::builder()
                .max_capacity(MAX_CACHE_ENTRIES)
                .time_to_live(USER_TTL)
                .build(),
            refused_logins: Cache::builder()
                .max_capacity(MAX_CACHE_ENTRIES)
                .time_to_live(REFUSED_LOGIN_TTL)
                .build(),
            token_claims: TokenClaims::default(),
            #[cfg(test)]
            mutant: std::sync::RwLock::default(),
        })
    }

    /// Sets when the claims of a token are sufficient.
    #[must_use]
    pub fn with_token_claims(mut self, token_claims: TokenClaims) -> Self {
        self.token_claims = token_claims;
        self
    }

    /// Makes the user of an identity be looked up again, such as after its first login.
    pub fn forget_user(&self, issuer: &str, subject: &str) {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        let is_meant = move |identity: &Identity| identity.issuer == issuer && identity.subject == subject;
        for (identity, _) in self.users.iter().filter(|(identity, _)| is_meant(identity)) {
            self.users.invalidate(&*identity);
        }
    }

    /// Remembers for some seconds that the admission of a person was refused, so that a client that repeats its request costs little.
    pub fn remember_refusal(&self, issuer: &str, subject: &str) {
        self.refused_logins.insert((issuer.to_owned(), subject.to_owned()), ());
    }

    /// Makes a session be looked up again, such as after its end.
    pub fn forget_session(&self, token: &str) {
        if let Some(token) = SessionToken::parse(token) {
            self.sessions.invalidate(&token.digest());
        }
    }

    /// Returns whether the use of an API key or a session is to be recorded: once a minute.
    #[must_use]
    pub fn should_record_use(&self, key: Uuid) -> bool {
        self.used_keys.entry(key).or_insert(()).is_fresh()
    }

    /// Returns an issuer by its claim `iss`.
    pub(super) fn issuer(&self, iss: &str) -> Option<&Issuer> {
        self.issuers.iter().map(|(issuer, _)| issuer).find(|issuer| issuer.issuer == iss)
    }

    /// Waits for the shutdown, and then for the fetches of keys in the background, which have a time limit.
    ///
    /// # Errors
    /// Never returns an error.
    pub async fn finish_fetches(
        self: Arc<Self>,
        shutdown: CancellationToken,
    ) -> Result<(), std::convert::Infallible> {
        shutdown.cancelled().await;
        self.fetches.close();
        self.fetches.wait().await;
        Ok(())
    }

    /// Returns the claims of a token that was verified within the last minute and has not expired since.
    #[must_use]
    pub fn recently_verified(&self, token: &str) -> Option<Arc<Claims>> {
        let claims = self.verified.get(&digest(token))?;
        let now = telemetry::clock::now().as_second();
        (now < claims.exp.saturating_add(MAX_CLOCK_SKEW.into())).then_some(claims)
    }

    /// Makes all tokens be verified again, as after a minute.
    #[cfg(test)]
    pub(crate) fn expire_verifications(&self) {
        self.verified.invalidate_all();
    }

    /// Makes the keys of an issuer be fetched again for the next token, as after ten minutes.
    #[cfg(test)]
    pub(super) fn expire_keys(&self, iss: &str) {
        for (_, keys) in self.issuers.iter().filter(|(issuer, _)| issuer.issuer == iss) {
            keys.expire();
        }
    }

    /// Makes all roles be read again, as after two seconds.
    #[cfg(test)]
    pub(crate) fn expire_grants(&self) {
        self.grants.invalidate_all();
    }

    /// Returns whether a token was valid within the last hour. It may have been withdrawn since.
    #[must_use]
    pub fn was_verified(&self, token: &str) -> bool {
        self.known.contains_key(&digest(token))
    }

    /// Returns the claims of a token that is valid now.
    ///
    /// # Errors
    /// Returns an error if the token is malformed, not trusted, expired or not valid yet, or if the issuer's keys are
    /// unavailable.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Malformed { reason: "longer than 8 KiB" });
        }
        let header = decode_header(token).map_err(|_| Error::Malformed { reason: "not a valid JWT" })?;
        check_header(&header)?;
        let (issuer, keys) = self.issuer_of(token)?;
        if !issuer.algorithms.contains(&header.alg) {
            return Err(Error::Algorithm);
        }
        let key = keys.key(header.kid.as_deref()).await?;
        let validation = validation(issuer, &key)?;
        let claims = decode::<Claims>(token, &key.key, &validation)
            .map(|data| data.claims)
            .map_err(|error| error_from(error.kind()))?;
        let now = telemetry::clock::now().as_second();
        claims.check(now, MAX_CLOCK_SKEW.into()).map_err(|reason| Error::Refused { reason })?;
        if !issuer.may_issue(&claims) {
            return Err(Error::Tenant);
        }
        let claims = Arc::new(claims);
        self.verified.insert(digest(token), claims.clone());
        self.known.insert(digest(token), ());
        Ok(claims)
    }

    /// Returns all claims of a token that an issuer has signed for an audience, and that is valid now. It is not cached.
    ///
    /// # Errors
    /// Returns an error as [`Self::verify`] does.
    pub(super) async fn verify_for(
        &self,
        issuer: &Issuer,
        audience: &str,
        token: &str,
    ) -> Result<Value, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Malformed { reason: "longer than 8 KiB" });
        }
        let header = decode_header(token).map_err(|_| Error::Malformed { reason: "not a valid JWT" })?;
        check_header(&header)?;
        let trusted = self.issuers.iter().find(|(other, _)| other.issuer == issuer.issuer);
        let (issuer, keys) = trusted.ok_or(Error::UnknownIssuer)?;
        if !issuer.algorithms.contains(&header.alg) {
            return Err(Error::Algorithm);
        }
        let key = keys.key(header.kid.as_deref()).await?;
        let mut validation = validation(issuer, &key)?;
        validation.set_audience(&[audience]);
        decode::<Value>(token, &key.key, &validation)
            .map(|data| data.claims)
            .map_err(|error| error_from(error.kind()))
    }

    /// Checks the claims of a verified token of an issuer that the library does not know.
    ///
    /// # Errors
    /// Returns an error if a claim is missing or not valid, or if the issuer may not make it.
    pub(super) fn claims_for(issuer: &Issuer, claims: Value) -> Result<Claims, Error> {
        let claims: Claims = serde_json::from_value(claims).map_err(|_| Error::Malformed {
            reason: "a required claim is missing or malformed (email, exp)",
        })?;
        let now = telemetry::clock::now().as_second();
        claims.check(now, MAX_CLOCK_SKEW.into()).map_err(|reason| Error::Refused { reason })?;
        if issuer.may_issue(&claims) { Ok(claims) } else { Err(Error::Tenant) }
    }

    /// Returns the issuer that a token names. The claim is not trusted yet: it only selects the keys for the
    /// verification.
    fn issuer_of(&self, token: &str) -> Result<&(Issuer, KeySet), Error> {
        let UnverifiedClaims { iss } = dangerous::insecure_decode_claims(token)
            .map_err(|_| Error::Malformed { reason: "the claim iss is missing" })?;
        self.issuers.iter().find(|(issuer, _)| issuer.issuer == iss).ok_or(Error::UnknownIssuer)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Checks the parameters of a header that change the meaning of a token.
fn check_header(header: &Header) -> Result<(), Error> {
    if header.crit.is_some() {
        // RFC 7515, section 4.1.11: extensions that are not understood must not be ignored, and none is.
        return Err(Error::Malformed { reason: "its header has critical extensions" });
    }
    let is_known = |typ: &String| TOKEN_TYPES.contains(&typ.to_ascii_lowercase().as_str());
    match header.typ.as_ref().is_none_or(is_known) {
        true => Ok(()),
        false => Err(Error::Malformed { reason: "its type is not that of a token for an API" }),
    }
}

fn validation(issuer: &Issuer, Key { key, algorithm }: &Key) -> Result<Validation, Error> {
    let fits_key = |allowed: &&Algorithm| {
        allowed.family() == key.family() && algorithm.is_none_or(|algorithm| algorithm == **allowed)
    };
    let algorithms: Vec<_> = issuer.algorithms.iter().filter(fits_key).copied().collect();
    let first = algorithms.first().ok_or(Error::Algorithm)?;
    let mut validation = Validation::new(*first);
    validation.algorithms = algorithms;
    validation.leeway = MAX_CLOCK_SKEW.into();
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
    use futures::FutureExt as _;
    use serde_json::json;

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
            assert_eq!(
                (claims.tenant.as_deref(), claims.roles.clone()),
                (Some("globex"), vec!["viewer".to_owned()])
            );
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
            (json!({"email": ""}), "the claim email is not an e-mail address"),
            (json!({"sub": ""}), "the claim sub is empty"),
            (json!({"iat": null}), "one of the claims nbf and iat is required"),
            (json!({"iat": 9_000_000_000_i64}), "it was issued in the future"),
            (json!({"iss": "https://elsewhere.example"}), "its issuer is not trusted"),
        ];
        for (others, reason) in cases {
            let error = error_for(&issuer, others.clone()).await;
            assert!(error.contains(reason), "{others}: {error}");
        }
    }

    /// A token whose header changes its meaning is refused, whoever signed it.
    #[tokio::test]
    async fn headers_that_change_the_meaning_are_refused() {
        let issuer = TestIssuer::start().await;
        let claims = issuer.claims(&json!({}));
        for (header, reason) in [
            (json!({"crit": ["exp"]}), "its header has critical extensions"),
            (json!({"crit": []}), "its header has critical extensions"),
            (json!({"typ": "logout+jwt"}), "its type is not that of a token for an API"),
            (json!({"typ": ""}), "its type is not that of a token for an API"),
        ] {
            let token = issuer.sign_with_header(&header, &claims);
            let error = issuer.verifier().verify(&token).await.unwrap_err().to_string();
            assert_eq!(error, format!("failed to read the token: {reason}"), "{header}");
        }
        for header in [json!({"typ": "at+jwt"}), json!({"typ": "JWT"}), json!({"typ": null})] {
            let token = issuer.sign_with_header(&header, &claims);
            assert!(issuer.verifier().verify(&token).await.is_ok(), "{header}");
        }
    }

    /// An issuer that is bound to tenants speaks neither for others nor for the platform.
    #[tokio::test]
    async fn a_bound_issuer_speaks_for_its_tenants_only() {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier_of_tenants(&["acme"]);
        assert!(verifier.verify(&issuer.token("acme", "viewer")).await.is_ok());
        for token in [
            issuer.token("globex", "viewer"),
            issuer.token("acme", "platform-admin"),
            issuer.platform_token("platform-admin"),
        ] {
            assert!(matches!(verifier.verify(&token).await, Err(Error::Tenant)));
        }
    }

    /// An issuer that does not answer delays neither the tokens of other issuers nor those with a known key.
    #[tokio::test]
    async fn a_hanging_issuer_delays_nobody() {
        let (hanging, working) = (TestIssuer::start().await, TestIssuer::start().await);
        let verifier = hanging.verifier_with(&working);
        let known = hanging.token("acme", "viewer");
        verifier.verify(&known).await.unwrap();
        hanging.hang();
        verifier.issuers[0].1.expire();
        let fresh = hanging.sign(&hanging.claims(&json!({"sub": "another token"})));
        assert!(verifier.verify(&fresh).now_or_never().is_some_and(|verified| verified.is_ok()));
        let restarted = hanging.verifier_with(&working);
        let mut waiting = std::pin::pin!(restarted.verify(&known));
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(restarted.verify(&working.token("acme", "viewer")).await.is_ok());
        assert!(matches!(waiting.await, Err(Error::Key(_))), "the fetch has a time limit");
    }

    /// A token that was verified is known for a minute, but never beyond its expiry.
    #[tokio::test]
    async fn verified_tokens_are_known_until_they_expire() {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier();
        let now = telemetry::clock::now().as_second();
        let (valid, expiring) = (
            issuer.token("acme", "viewer"),
            issuer.sign(&issuer.claims(&json!({"exp": now - i64::from(MAX_CLOCK_SKEW) + 1}))),
        );
        assert!(verifier.recently_verified(&valid).is_none());
        for token in [&valid, &expiring] {
            verifier.verify(token).await.unwrap();
        }
        assert!(verifier.recently_verified(&valid).is_some());
        let deadline = now + 20;
        while verifier.recently_verified(&expiring).is_some() {
            assert!(telemetry::clock::now().as_second() < deadline);
            tokio::task::yield_now().await;
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
        let forged = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
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
