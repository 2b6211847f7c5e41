//! What a browser keeps between the beginning of a login and the answer of the issuer.
//!
//! It is in a cookie, and not in the database: whoever begins logins writes nothing. That it belongs to the browser is what protects
//! against a callback that somebody else has begun. A person can read and change it, which concerns only this person's own login.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::return_to::ReturnTo;

/// Time within which a login must be finished, in seconds.
pub const MAX_SECONDS: i64 = 600;
/// Maximum length of the cookie, in bytes.
const MAX_BYTES: usize = 4_096;

/// Login that a browser has begun. Its `Debug` form is not printed, since it has secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginAttempt {
    /// Issuer to which the browser was sent.
    pub(super) issuer: String,
    /// Random value that the answer must have.
    pub(super) state: String,
    /// Random value that the ID token must have.
    pub(super) nonce: String,
    /// Random value whose SHA-256 the issuer has received (PKCE).
    pub(super) verifier: String,
    /// Where the browser goes afterwards.
    pub return_to: ReturnTo,
    /// Time after which the answer is refused, in seconds since 1970.
    pub(super) expires_at: i64,
}

impl LoginAttempt {
    /// Begins a login at an issuer. `now` is in seconds since 1970.
    pub(super) fn new(issuer: &str, return_to: ReturnTo, now: i64) -> Self {
        let random = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let (state, nonce, verifier) = (random(), random(), random());
        let expires_at = now.saturating_add(MAX_SECONDS);
        Self { issuer: issuer.to_owned(), state, nonce, verifier, return_to, expires_at }
    }

    /// Returns the code challenge (RFC 7636, section 4.2).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }

    /// Returns the SHA-256 of the state, by which the database knows that the login has made a session.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.state).into()
    }

    /// Returns the value of the cookie.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads the value of the cookie; `None` if it is not that of a login.
    #[must_use]
    pub fn from_cookie(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}
