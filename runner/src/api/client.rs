//! HTTP client that authenticates with the pod's projected token.

use std::{path::PathBuf, time::Duration};

use http::header::AUTHORIZATION;
use protocol::internal::{Refusal, RefusalCode};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

use crate::{
    api::errors::{ApiError, SetupError},
    retry::RetryPolicy,
};

/// Timeout of a request. Responses take milliseconds, and somewhat longer after an upload of 16 MiB.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Policy for retries, which continue for longer than a restart of the api-server takes.
pub(super) const RETRY_POLICY: RetryPolicy = RetryPolicy {
    timeout: Duration::from_secs(60),
    min_delay: Duration::from_millis(100),
    max_delay: Duration::from_secs(5),
};

/// The api-server, with the identity of this pod.
#[derive(Clone, Debug)]
pub(crate) struct ApiServer {
    pub(super) client: Client,
    base: Url,
    /// Path of the projected token. The kubelet replaces the file before the token expires.
    token: PathBuf,
}

impl ApiServer {
    /// Returns a client for the api-server at `base`.
    ///
    /// # Errors
    /// Returns an error if the HTTP client cannot be set up.
    pub(crate) fn new(base: Url, token: PathBuf) -> Result<Self, SetupError> {
        let client = Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(SetupError::Client)?;
        Ok(Self { client, base, token })
    }

    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Sends a request with the pod's token.
    ///
    /// # Errors
    /// Returns an error if the token cannot be read, the api-server cannot be reached, or it refuses the request.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let token = tokio::fs::read_to_string(&self.token)
            .await
            .map_err(|source| ApiError::Token { path: self.token.clone(), source })?;
        let request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
        let response = request.send().await.map_err(ApiError::Send)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let refusal =
            response.json().await.unwrap_or(Refusal { code: RefusalCode::Unknown, detail: String::new() });
        Err(ApiError::Refused { status: status.as_u16(), code: refusal.code, detail: refusal.detail })
    }
}
