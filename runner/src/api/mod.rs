//! The runner's end of the api-server's internal port.

mod errors;
mod logs;
mod outputs;

use std::{path::PathBuf, time::Duration};

use http::header::AUTHORIZATION;
use protocol::internal::{Refusal, RefusalCode};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

pub(crate) use errors::{ApiError, FetchError, SetupError, StoreError};

/// An answer takes milliseconds, that to 16 MiB some more; one that takes this long will not come.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than a restart of the api-server takes.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The api-server, as one pod may speak to it.
#[derive(Clone, Debug)]
pub(crate) struct ApiServer {
    client: Client,
    base: Url,
    /// The projected token; the kubelet renews it in place.
    token: PathBuf,
}

impl ApiServer {
    pub(crate) fn new(base: Url, token: PathBuf) -> Result<Self, SetupError> {
        let client = Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(SetupError::Client)?;
        Ok(Self { client, base, token })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Sends a request as this pod; an answer that is no success is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let token = tokio::fs::read_to_string(&self.token)
            .await
            .map_err(|source| ApiError::Token { path: self.token.clone(), source })?;
        let request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
        let answer = request.send().await.map_err(ApiError::Send)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let refusal =
            answer.json().await.unwrap_or(Refusal { code: RefusalCode::Unknown, detail: String::new() });
        Err(ApiError::Refused { status: status.as_u16(), code: refusal.code, detail: refusal.detail })
    }
}

/// Tries again, with growing pauses, while another try may help.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        match ask().await {
            Err(error) if error.is_transient() && tokio::time::Instant::now() < until => {
                tracing::warn!(error = %crate::chain::chain(&error), "trying to reach the api-server again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
