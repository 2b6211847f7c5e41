//! Authentication by the bearer token of a request: token → identity → user → roles, or API key → owner → roles.

use domain::identity::ApiKey;
use headers::{Authorization, HeaderMapExt as _, authorization::Bearer};
use http::{HeaderMap, HeaderValue};

use super::{
    api_key::{self, authenticate_key},
    identify::{self, identify},
    key_lookup::KeyLookup,
    principal::Principal,
    session,
    tenant_lookup::{LookupError, TenantLookup},
    token::{self, Verifier},
    user_lookup::UserLookup,
};
use crate::limits::RateExceeded;

/// Error of an authentication.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request has no `Authorization: Bearer` header.
    #[error("failed to find a bearer token")]
    Missing,
    /// The token is not valid.
    #[error("failed to accept the bearer token")]
    Token(#[from] token::Error),
    /// The address of the client has sent too many requests without a token that is known.
    #[error("failed to verify the bearer token")]
    RateExceeded(#[from] RateExceeded),
    /// The API key cannot be used.
    #[error("failed to accept the API key")]
    ApiKey(#[from] api_key::Error),
    /// The session has ended.
    #[error("failed to accept the session")]
    Session(#[from] session::Error),
    /// The token is valid, and its person is not admitted.
    #[error("failed to identify the person of the bearer token")]
    Identity(#[from] identify::Error),
    /// The lookup of the roles failed.
    #[error("failed to look up the roles of the principal")]
    RoleLookup(#[source] LookupError),
}

/// Returns the principal whose bearer token is in the headers. `admit` decides whether a token that was not verified
/// recently may be verified, which costs time.
///
/// # Errors
/// Returns an error if there is no token, if it is not valid or not admitted, if its user or tenant is unknown, or if the
/// issuer or the database is unavailable. [`identify::Error::FirstLogin`] asks the caller to admit the person, and to try again.
pub async fn authenticate(
    verifier: &Verifier,
    directory: &(impl TenantLookup + UserLookup + KeyLookup),
    headers: &HeaderMap,
    admit: impl FnOnce() -> Result<(), RateExceeded>,
) -> Result<Principal, Error> {
    let token = bearer_token(headers);
    if let Some(key) = token.as_ref().map(Bearer::token).filter(|token| ApiKey::is_meant_by(token)) {
        return Ok(authenticate_key(verifier, directory, key, admit).await?);
    }
    let known = token.as_ref().and_then(|token| verifier.recently_verified(token.token()));
    let claims = match known {
        Some(claims) => claims,
        None => {
            // Users of a flooded address, such as that of a proxy, keep their access.
            if !token.as_ref().is_some_and(|token| verifier.was_verified(token.token())) {
                admit()?;
            }
            verifier.verify(token.ok_or(Error::Missing)?.token()).await?
        }
    };
    Ok(identify(verifier, directory, &claims, invitation_token(headers)).await?)
}

/// Returns the token of an invitation, which a person sends with the first request.
fn invitation_token(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("invitation-token").map(HeaderValue::as_bytes)
}

/// Returns the bearer token of the `Authorization` header.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<Bearer> {
    headers.typed_get().map(|Authorization(bearer)| bearer)
}
