//! Authentication of people by the cookie of a session.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::permission::PLATFORM_ROLES;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{
    LookupError,
    claims::Claims,
    identify::{self, identify},
    principal::Principal,
    tenant_lookup::TenantLookup,
    token::Verifier,
    user_lookup::UserLookup,
};
use crate::limits::RateExceeded;

/// Number of random bytes of a token, which cannot be guessed.
const TOKEN_BYTES: usize = 32;
/// Time without a request after which a session ends, in seconds.
pub const IDLE_SECONDS: i64 = 3_600;
/// Time after which a session ends, in seconds: a working day.
pub const MAX_SECONDS: i64 = 12 * 3_600;

/// Random token of a session, which only the cookie of the browser has. Its `Debug` form does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; TOKEN_BYTES]);

/// Session of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// ID.
    pub id: Uuid,
    /// Token that requests which change something must have in a header.
    pub csrf_token: String,
    /// Time after which the session is refused, if it is used until then; in seconds since 1970.
    pub expires_at: i64,
}

/// Session in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// ID.
    pub id: Uuid,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// ID of the tenant.
    pub tenant: Uuid,
    /// Claims of the ID token, as JSON.
    pub claims: String,
    /// Time of the last use, precise to a minute, in seconds since 1970.
    pub last_used_at: i64,
    /// Time after which the session is refused, in seconds since 1970.
    pub expires_at: i64,
}

/// Lookup of sessions. `store` implements it, so that `auth` does not depend on the layer above.
pub trait SessionLookup: Send + Sync {
    /// Returns the session whose token has a SHA-256, unless it has ended.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn by_session(
        &self,
        digest: [u8; 32],
    ) -> impl Future<Output = Result<Option<FoundSession>, LookupError>> + Send;
}

/// Error of a session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is malformed or unknown, or the session has ended. Nothing says which.
    #[error("failed to accept the session: it is unknown, or has ended")]
    Refused,
    /// The address of the client has sent too many unknown tokens.
    #[error("failed to look up the session")]
    RateExceeded(#[from] RateExceeded),
    /// The lookup failed.
    #[error("failed to look up the session")]
    Lookup(#[source] LookupError),
    /// The person is not admitted.
    #[error("failed to identify the person of the session")]
    Identity(#[from] identify::Error),
}

impl SessionToken {
    /// Creates a token.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Reads the token of a cookie; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Returns the value of the cookie.
    #[must_use]
    pub fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Returns the SHA-256, by which the session is stored.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// Returns the token that requests which change something must have in a header. Other sites cannot read it.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC has a key of any length");
        mac.update(b"csrf token of the session");
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

impl Session {
    /// Returns whether a text is the token that requests which change something must have.
    #[must_use]
    pub fn has_csrf_token(&self, text: &[u8]) -> bool {
        self.csrf_token.as_bytes().ct_eq(text).into()
    }
}

/// Returns the claims of an ID token that a session keeps. Roles of the platform are not among them: the issuer could not take them back
/// until the session ends.
pub(super) fn claims_of_session(mut claims: Claims) -> Claims {
    claims.roles.retain(|role| !PLATFORM_ROLES.contains(&role.as_str()));
    claims
}

/// Returns the principal of the token of a session: the user decides about roles at the time of the request, as with other tokens.
/// `admit` decides whether a token that is not known may be looked up.
///
/// # Errors
/// Returns an error if the session has ended, if its person is not admitted any more, or if the database is unavailable.
pub async fn authenticate_session(
    verifier: &Verifier,
    directory: &(impl TenantLookup + UserLookup + SessionLookup),
    text: &str,
    admit: impl FnOnce() -> Result<(), RateExceeded>,
) -> Result<Principal, Error> {
    let Some(token) = SessionToken::parse(text) else {
        admit()?;
        return Err(Error::Refused);
    };
    let digest = token.digest();
    let found = match verifier.sessions.get(&digest) {
        Some(found) => found,
        None => {
            // Users of a flooded address, such as that of a proxy, keep their access.
            if !verifier.known.contains_key(&digest) {
                admit()?;
            }
            let found = Arc::new(directory.by_session(digest).await.map_err(Error::Lookup)?);
            verifier.sessions.insert(digest, found.clone());
            found
        }
    };
    let now = telemetry::clock::now().as_second();
    let is_right = |found: &&FoundSession| {
        let is_used = now < found.last_used_at.saturating_add(IDLE_SECONDS);
        bool::from(found.digest.ct_eq(&digest)) && is_used && now < found.expires_at
    };
    let found = found.as_ref().as_ref().filter(is_right).ok_or(Error::Refused)?;
    let claims: Claims = serde_json::from_str(&found.claims).map_err(|_| Error::Refused)?;
    verifier.known.insert(digest, ());
    let mut principal = identify(verifier, directory, &claims, None).await?;
    // A person who has become a user of another tenant logs in again.
    if principal.tenant.as_ref().is_none_or(|tenant| tenant.scope.tenant_id() != found.tenant) {
        return Err(Error::Refused);
    }
    let csrf_token = token.csrf_token();
    principal.session = Some(Arc::new(Session { id: found.id, csrf_token, expires_at: found.expires_at }));
    Ok(principal)
}

/// Returns the principal of the verified claims of an ID token.
///
/// # Errors
/// Returns an error if the person is not admitted, or if the database is unavailable. [`identify::Error::FirstLogin`] asks the caller to
/// admit the person, and to try again.
pub async fn identify_claims(
    verifier: &Verifier,
    directory: &(impl TenantLookup + UserLookup),
    claims: &Claims,
) -> Result<Principal, identify::Error> {
    identify(verifier, directory, claims, None).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The token in the cookie is not the one in the header, and neither can be derived from what is stored.
    #[test]
    fn tokens_of_a_session_differ() {
        let token = SessionToken::random();
        assert_eq!(SessionToken::parse(&token.secret()), Some(token.clone()));
        assert_ne!(token.secret(), token.csrf_token());
        assert_ne!(token.digest(), token.0);
        assert_ne!(token.csrf_token(), SessionToken::random().csrf_token());
        for text in ["", "x", &token.secret()[1..], &format!("{}=", token.secret()), &"A".repeat(44)] {
            assert_eq!(SessionToken::parse(text), None, "{text}");
        }
    }
}
