//! The steps of a login: the browser is sent to the issuer, and its answer is exchanged for an ID token.

use std::sync::Arc;

use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::{
    attempt::LoginAttempt,
    endpoints::{LoginIssuers, Registration},
    id_token::check_id_token,
    return_to::ReturnTo,
};
use crate::auth::{
    claims::Claims,
    fetch,
    session::claims_of_session,
    token::{self, Verifier},
};

/// Path to which issuers send the browser with their answer.
const CALLBACK: &str = "/auth/callback";
/// Claims that are requested.
const SCOPE: &str = "openid email profile";

/// Error of a login.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No issuer has a client for logins.
    #[error("failed to begin a login: no issuer is configured for logins")]
    Disabled,
    /// The request names no issuer, although there are several, or one that is not configured for logins.
    #[error("failed to begin a login: the parameter issuer must be one of {}", .0.join(", "))]
    Issuer(Vec<String>),
    /// The answer does not belong to a login that this browser has begun, or the login has expired.
    #[error("failed to finish the login: {0}")]
    Answer(&'static str),
    /// The issuer has refused the login.
    #[error("failed to finish the login: the issuer has answered {0}")]
    Refused(String),
    /// The issuer has not exchanged the code.
    #[error("failed to exchange the code of the issuer: it has answered {0}")]
    Exchange(String),
    /// The ID token is not valid.
    #[error("failed to verify the ID token")]
    Token(#[from] token::Error),
    /// The ID token does not belong to the login.
    #[error("failed to accept the ID token: {0}")]
    IdToken(&'static str),
    /// The issuer cannot be reached, or its documents are not valid.
    #[error("failed to reach the issuer")]
    Issuers(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The file with the client secret cannot be read.
    #[error("failed to read the client secret")]
    Secret(#[source] std::io::Error),
}

/// Query parameters of the answer of an issuer. Others are ignored.
#[derive(Clone, Deserialize)]
pub struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Client of this server at the issuers.
pub struct LoginClient {
    /// Issuers.
    issuers: LoginIssuers,
    /// URL under which browsers reach this server.
    public_url: Url,
}

#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<String>,
    error: Option<String>,
}

impl LoginClient {
    /// Creates the client. `public_url` is the URL under which browsers reach this server.
    #[must_use]
    pub fn new(issuers: LoginIssuers, public_url: Url) -> Self {
        Self { issuers, public_url }
    }

    /// Returns the origin of this server, as browsers name it in the header `Origin`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// Begins a login, and returns the URL at the issuer to which the browser goes.
    ///
    /// # Errors
    /// Returns an error if the issuer is not configured for logins, or cannot be reached.
    pub async fn begin(
        &self,
        issuer: Option<&str>,
        return_to: ReturnTo,
        now: i64,
    ) -> Result<(LoginAttempt, Url), Error> {
        let registration = self.registration(issuer)?;
        let endpoints = self.issuers.endpoints(registration).await.map_err(unreachable_issuer)?;
        let attempt = LoginAttempt::new(&registration.issuer.issuer, return_to, now);
        let mut url = endpoints.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &registration.client_id)
            .append_pair("redirect_uri", self.redirect_uri().as_str())
            .append_pair("scope", SCOPE)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((attempt, url))
    }

    /// Finishes a login with the answer of the issuer, and returns the claims of its ID token. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Returns an error if the answer does not belong to the login, if the issuer refuses it or cannot be reached, or if the ID token is
    /// not valid.
    pub async fn finish(
        &self,
        verifier: &Verifier,
        attempt: &LoginAttempt,
        callback: Callback,
        now: i64,
    ) -> Result<Claims, Error> {
        let Callback { state, code, iss, error } = callback;
        if now >= attempt.expires_at {
            return Err(Error::Answer("it has taken longer than 10 minutes"));
        }
        let is_same = |state: &String| bool::from(state.as_bytes().ct_eq(attempt.state.as_bytes()));
        if !state.as_ref().is_some_and(is_same) {
            return Err(Error::Answer("this browser has not begun it, or has begun another one since"));
        }
        let registration = self.registration(Some(&attempt.issuer))?;
        let endpoints = self.issuers.endpoints(registration).await.map_err(unreachable_issuer)?;
        // Another issuer could send the browser here, to get the code of the right one.
        match iss {
            Some(iss) if iss != attempt.issuer => return Err(Error::Answer("another issuer has answered")),
            None if endpoints.authorization_response_iss_parameter_supported => {
                return Err(Error::Answer("the answer does not name its issuer"));
            }
            Some(_) | None => {}
        }
        if let Some(error) = error {
            return Err(Error::Refused(shown(&error)));
        }
        let code = code.ok_or(Error::Answer("the answer has no code"))?;
        let id_token = self.exchange(registration, attempt, &code).await?;
        let claims = check_id_token(verifier, registration, &id_token, &attempt.nonce).await?;
        Ok(claims_of_session(claims))
    }

    async fn exchange(
        &self,
        registration: &Registration,
        attempt: &LoginAttempt,
        code: &str,
    ) -> Result<String, Error> {
        let endpoints = self.issuers.endpoints(registration).await.map_err(unreachable_issuer)?;
        let redirect_uri = self.redirect_uri();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", attempt.verifier.as_str()),
        ];
        let secret = match &registration.secret_file {
            Some(file) => Some(tokio::fs::read_to_string(file).await.map_err(Error::Secret)?),
            None => None,
        };
        let secret = secret.as_deref().map(str::trim);
        let basic = secret.filter(|_| !endpoints.wants_secret_in_body());
        if basic.is_none() {
            form.push(("client_id", registration.client_id.as_str()));
            form.extend(secret.map(|secret| ("client_secret", secret)));
        }
        let basic = basic.map(|secret| (registration.client_id.as_str(), secret));
        let response = fetch::post_form(self.issuers.client(), &endpoints.token_endpoint, &form, basic).await;
        let TokenResponse { id_token, error } =
            response.map_err(|error| unreachable_issuer(Arc::new(error)))?;
        match (id_token, error) {
            (Some(token), None) => Ok(token),
            (_, Some(error)) => Err(Error::Exchange(shown(&error))),
            (None, None) => Err(Error::Exchange("no ID token".to_owned())),
        }
    }

    fn registration(&self, issuer: Option<&str>) -> Result<&Registration, Error> {
        let all = &self.issuers.registrations;
        match (issuer, all.as_slice()) {
            (_, []) => Err(Error::Disabled),
            (None, [only]) => Ok(only),
            (issuer, all) => all
                .iter()
                .find(|other| Some(other.issuer.issuer.as_str()) == issuer)
                .ok_or_else(|| Error::Issuer(all.iter().map(|other| other.issuer.issuer.clone()).collect())),
        }
    }

    fn redirect_uri(&self) -> Url {
        let mut url = self.public_url.clone();
        url.set_path(CALLBACK);
        url
    }
}

fn unreachable_issuer(error: Arc<fetch::Error>) -> Error {
    Error::Issuers(error)
}

/// Returns the beginning of a code of an error, which the issuer has chosen.
fn shown(error: &str) -> String {
    let is_shown = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    error.chars().filter(is_shown).take(64).collect()
}
