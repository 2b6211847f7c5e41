//! Configuration of a server.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use url::Url;

/// Server, model, and limits of the requests.
#[derive(Clone, Debug)]
pub struct Config {
    /// URL of the API, to which `/embeddings` is appended, such as `https://api.openai.com/v1`.
    pub base_url: Url,
    /// Key, if the server requires one.
    pub api_key: Option<ApiKey>,
    /// Name of the model.
    pub model: String,
    /// Number of dimensions of its vectors.
    pub dimensions: NonZeroUsize,
    /// Whether the server is asked for this number of dimensions. Some models can shorten their vectors, others refuse the field.
    pub request_dimensions: bool,
    /// Texts before each text.
    pub prefixes: Prefixes,
    /// Limits of the requests for documents.
    pub limits: Limits,
    /// Limits of the requests for queries, for which a person waits.
    pub query_limits: Limits,
}

/// Texts that a model expects before each text, such as `passage: ` and `query: ` for E5.
#[derive(Clone, Debug, Default)]
pub struct Prefixes {
    /// Prefix of what is stored.
    pub document: String,
    /// Prefix of what is searched for.
    pub query: String,
}

/// Limits of the requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Texts in a request.
    pub batch_texts: NonZeroUsize,
    /// Requests at a time for one call.
    pub concurrency: NonZeroUsize,
    /// Time for one request.
    pub request_timeout: Duration,
    /// Attempts for one request.
    pub attempts: NonZeroUsize,
    /// Delay before the second attempt. It doubles with each further one.
    pub min_delay: Duration,
    /// Longest delay. If the server wants a longer one (`Retry-After`), the call fails, and the caller decides.
    pub max_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const fn number(number: usize) -> NonZeroUsize {
            NonZeroUsize::new(number).expect("not zero")
        }
        Self {
            // Text Embeddings Inference refuses more than 32 by default.
            batch_texts: number(32),
            // A model on one GPU computes one batch while it receives the next.
            concurrency: number(2),
            // A batch on a CPU takes some seconds.
            request_timeout: Duration::from_secs(60),
            // With the delays below, a restart of the server within 15 s is not noticed.
            attempts: number(5),
            min_delay: Duration::from_secs(1),
            // Half of the time for which a worker leases a document.
            max_delay: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// Returns limits for queries: one attempt, after which the caller searches without the vectors.
    #[must_use]
    pub fn for_queries() -> Self {
        // A model on a CPU embeds a query within some 100 ms.
        Self { request_timeout: Duration::from_secs(3), attempts: NonZeroUsize::MIN, ..Self::default() }
    }
}

/// Key of a server, which is not shown in logs.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key.
    #[must_use]
    pub fn new(key: String) -> Self {
        Self(key)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}
