//! Requests: batches, retries.

use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::redirect::Policy;
use tokio::time::Instant;
use tracing::warn;
use url::Url;

use super::breaker::Breaker;
use super::config::{Config, Limits};
use super::response::{self, Expected};
use super::wire::Request;
use crate::embedder::{Embedder, Purpose};
use crate::error::Error;

/// Embedding model of a server with the API of OpenAI.
pub struct OpenAi {
    config: Config,
    endpoint: Url,
    client: reqwest::Client,
    breaker: Breaker,
}

impl OpenAi {
    /// Creates a client. It connects when it is used.
    ///
    /// # Errors
    /// Returns an error if the process has no TLS provider.
    pub fn new(config: Config) -> Result<Self, Error> {
        let mut endpoint = config.base_url.clone();
        let path = format!("{}/embeddings", endpoint.path().trim_end_matches('/'));
        endpoint.set_path(&path);
        // A redirect would send the texts and the key to a server that nobody has configured.
        let builder = reqwest::Client::builder().redirect(Policy::none());
        let client =
            builder.build().map_err(|source| Error::CreateClient { model: config.model.clone(), source })?;
        Ok(Self { config, endpoint, client, breaker: Breaker::default() })
    }

    /// Embeds the texts of one request, and repeats it while that may help.
    async fn embed_batch(&self, purpose: Purpose, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let limits = self.limits(purpose);
        let backoff = ExponentialBuilder::new()
            .with_min_delay(limits.min_delay)
            .with_max_delay(limits.max_delay)
            .with_max_times(limits.attempts.get() - 1)
            .with_jitter();
        (|| self.attempt(purpose, texts))
            .retry(backoff)
            .when(|error| error.is_transient() && !matches!(error, Error::CircuitOpen { .. }))
            .adjust(|error, delay| next_delay(error.retry_after(), delay?, limits.max_delay))
            .notify(|error, delay| {
                let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                warn!(%error, delay_ms, embedder.model = %self.config.model, "embedding failed; retrying");
            })
            .await
    }

    fn limits(&self, purpose: Purpose) -> Limits {
        match purpose {
            Purpose::Document => self.config.limits,
            Purpose::Query => self.config.query_limits,
        }
    }

    /// Sends a request, unless the server has failed too often.
    async fn attempt(&self, purpose: Purpose, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        self.breaker
            .permit(Instant::now())
            .map_err(|retry_after| Error::CircuitOpen { model: self.config.model.clone(), retry_after })?;
        let result = self.request(purpose, texts).await;
        match &result {
            Err(error) if error.is_failure_of_server() => self.breaker.record_failure(Instant::now()),
            _ => self.breaker.record_answer(),
        }
        result
    }

    async fn request(&self, purpose: Purpose, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let Config { model, dimensions, prefixes, .. } = &self.config;
        let prefix = match purpose {
            Purpose::Document => &prefixes.document,
            Purpose::Query => &prefixes.query,
        };
        let body = Request {
            model,
            input: texts.iter().map(|text| format!("{prefix}{text}")).collect(),
            encoding_format: "float",
            dimensions: self.config.request_dimensions.then_some(dimensions.get()),
        };
        let timeout = self.limits(purpose).request_timeout;
        let mut request = self.client.post(self.endpoint.clone()).timeout(timeout).json(&body);
        if let Some(key) = &self.config.api_key {
            request = request.bearer_auth(key.expose());
        }
        let response = request
            .send()
            .await
            .map_err(|error| Error::Request { model: model.clone(), source: error.without_url() })?;
        let expected = Expected { model, texts: texts.len(), dimensions: dimensions.get() };
        response::read(expected, response).await
    }
}

#[async_trait]
impl Embedder for OpenAi {
    fn model(&self) -> &str {
        &self.config.model
    }

    fn dimensions(&self) -> usize {
        self.config.dimensions.get()
    }

    async fn embed(&self, purpose: Purpose, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let limits = self.limits(purpose);
        let mut batches = Vec::new();
        for batch in texts.chunks(limits.batch_texts.get()) {
            batches.push(self.embed_batch(purpose, batch));
        }
        // The requests of a caller that goes away are dropped with the future.
        let batches: Vec<Vec<Vec<f32>>> =
            stream::iter(batches).buffered(limits.concurrency.get()).try_collect().await?;
        Ok(batches.into_iter().flatten().collect())
    }
}

/// Returns the time until the next attempt: what the server wants, but no less than the backoff. `None` if the server wants more than the longest
/// delay.
fn next_delay(retry_after: Option<Duration>, backoff: Duration, max_delay: Duration) -> Option<Duration> {
    let retry_after = retry_after.unwrap_or_default();
    (retry_after <= max_delay).then(|| backoff.max(retry_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server is not asked again before the time that it names, and not at all if that is too long.
    #[test]
    fn the_server_names_the_delay() {
        let seconds = Duration::from_secs;
        let delay = |retry_after| next_delay(retry_after, seconds(2), seconds(30));
        assert_eq!(delay(None), Some(seconds(2)));
        assert_eq!(delay(Some(seconds(1))), Some(seconds(2)));
        assert_eq!(delay(Some(seconds(30))), Some(seconds(30)));
        assert_eq!(delay(Some(seconds(31))), None);
    }
}
