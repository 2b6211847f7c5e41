//! Getting a small JSON document from an issuer.

use std::time::Duration;

use reqwest::{Client, Response, redirect};
use serde::de::DeserializeOwned;
use url::Url;

/// A key set or discovery document of a large provider is below 20 KiB; ten times that is nobody's.
const MAX_BYTES: usize = 256 * 1024;
/// A caller waits for this fetch, so it is short; a provider that is slower counts as down.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::auth) enum Error {
    /// No connection, a timeout, or a status that is no success.
    #[error("failed to fetch {url}")]
    Request { url: Url, source: reqwest::Error },
    /// More than [`MAX_BYTES`].
    #[error("failed to fetch {url}: longer than {MAX_BYTES} bytes")]
    TooLong { url: Url },
    /// It is not the JSON that was expected.
    #[error("failed to parse {url}")]
    Parse { url: Url, source: serde_json::Error },
    /// The discovery document is another issuer's.
    #[error("failed to trust the discovery document at {url}: it names issuer {found}")]
    Impostor { url: Url, found: String },
}

/// A client for issuers: bounded in time, and without redirects, for a redirect would move the trust.
///
/// # Errors
/// The TLS provider is missing or the system's roots cannot be read.
pub(in crate::auth) fn client() -> reqwest::Result<Client> {
    Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none()).build()
}

/// Gets and parses one document.
///
/// # Errors
/// The document cannot be had in time, is longer than 256 KiB, or does not parse.
pub(in crate::auth) async fn json<T: DeserializeOwned>(client: &Client, url: &Url) -> Result<T, Error> {
    let failed = |source| Error::Request { url: url.clone(), source };
    let response = client.get(url.clone()).send().await.and_then(Response::error_for_status);
    let body = bytes(response.map_err(failed)?, url).await?;
    serde_json::from_slice(&body).map_err(|source| Error::Parse { url: url.clone(), source })
}

async fn bytes(mut response: Response, url: &Url) -> Result<Vec<u8>, Error> {
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
