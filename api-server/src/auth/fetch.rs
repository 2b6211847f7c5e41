//! Download of small JSON documents from issuers.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use reqwest::{Client, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use url::Url;

/// Maximum size of a document: more than ten times the key set or discovery document of a large provider, which has
/// less than 20 KiB.
const MAX_BYTES: usize = 256 * 1024;
/// Time limit of a request. It is short because a caller waits for it; a slower provider counts as unavailable.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit of resolving the name and connecting, after which the connection is attempted once more. A lost DNS packet
/// delays the resolver by 5 s, which is all the time that a request has.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Error of a download.
#[derive(Debug, thiserror::Error)]
pub(in crate::auth) enum Error {
    /// The connection failed, the request timed out, or the response is not a success.
    #[error("failed to fetch {url}")]
    Request { url: Url, source: reqwest::Error },
    /// The issuer did not answer in time.
    #[error("failed to fetch the keys within {seconds} s")]
    Timeout { seconds: u64 },
    /// The document is larger than [`MAX_BYTES`].
    #[error("failed to fetch {url}: longer than {MAX_BYTES} bytes")]
    TooLong { url: Url },
    /// The document does not have the expected format.
    #[error("failed to parse {url}")]
    Parse { url: Url, source: serde_json::Error },
    /// An endpoint of an issuer with TLS has none.
    #[error("failed to trust {url}: it does not use https")]
    Insecure { url: Url },
    /// The discovery document belongs to another issuer.
    #[error("failed to trust the discovery document at {url}: it names issuer {found}")]
    IssuerMismatch { url: Url, found: String },
}

/// Builds an HTTP client for issuers. It follows no redirects, since a redirect would extend the trust to another host.
///
/// # Errors
/// Returns an error if no TLS provider is installed or the system's root certificates cannot be read.
pub(in crate::auth) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()
}

/// Fetches and parses a document.
///
/// # Errors
/// Returns an error if the document cannot be fetched within 5 s, is larger than 256 KiB, or does not parse.
pub(in crate::auth) async fn json<T: DeserializeOwned>(client: &Client, url: &Url) -> Result<T, Error> {
    let failed = |source| Error::Request { url: url.clone(), source };
    let once = ConstantBuilder::default().with_delay(Duration::ZERO).with_max_times(1);
    let send = || client.get(url.clone()).send();
    let sent = send.retry(once).when(reqwest::Error::is_connect).await;
    let response = sent.and_then(Response::error_for_status);
    let body = read_body(response.map_err(failed)?, url).await?;
    serde_json::from_slice(&body).map_err(|source| Error::Parse { url: url.clone(), source })
}

/// Sends a form, which is not repeated, and parses the answer, also that of a status 400 or 401. `basic` are a name and a password.
///
/// # Errors
/// Returns an error if there is no answer within 5 s, if it has another status or more than 256 KiB, or does not parse.
pub(in crate::auth) async fn post_form<T: DeserializeOwned>(
    client: &Client,
    url: &Url,
    form: &[(&str, &str)],
    basic: Option<(&str, &str)>,
) -> Result<T, Error> {
    let failed = |source| Error::Request { url: url.clone(), source };
    let mut request = client.post(url.clone()).form(form);
    if let Some((name, password)) = basic {
        // RFC 6749, section 2.3.1: both are encoded like the values of a form.
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        request = request.basic_auth(encoded(name), Some(encoded(password)));
    }
    let mut response = request.send().await.map_err(failed)?;
    if !matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
        response = response.error_for_status().map_err(failed)?;
    }
    let body = read_body(response, url).await?;
    serde_json::from_slice(&body).map_err(|source| Error::Parse { url: url.clone(), source })
}

async fn read_body(mut response: Response, url: &Url) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|source| Error::Request { url: url.clone(), source })?
    {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(Error::TooLong { url: url.clone() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
