//! Why texts have no vectors.

use std::time::Duration;

/// Reason why texts have no vectors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client cannot be created.
    #[error("failed to create the HTTP client of embedding model {model}")]
    CreateClient {
        /// Name of the model.
        model: String,
        /// Error of the library.
        source: reqwest::Error,
    },
    /// The server did not answer.
    #[error("failed to reach the server of embedding model {model}")]
    Request {
        /// Name of the model.
        model: String,
        /// Error of the library, without the URL.
        source: reqwest::Error,
    },
    /// The server cannot answer now, or does not permit the request.
    #[error("failed to embed texts with model {model}: the server answered {status}: {message}")]
    Unavailable {
        /// Name of the model.
        model: String,
        /// HTTP status.
        status: u16,
        /// Beginning of the response.
        message: String,
        /// Time after which the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server has failed several times in a row, and is not asked for a while.
    #[error("failed to embed texts with model {model}: its server has failed several times; the next request is permitted in {} s", retry_after.as_secs())]
    CircuitOpen {
        /// Name of the model.
        model: String,
        /// Time until the next request is permitted.
        retry_after: Duration,
    },
    /// The server refuses these texts.
    #[error("failed to embed texts with model {model}: the server refuses them with {status}: {message}")]
    Rejected {
        /// Name of the model.
        model: String,
        /// HTTP status.
        status: u16,
        /// Beginning of the response.
        message: String,
    },
    /// The response is larger than vectors are.
    #[error("failed to read the response of embedding model {model}: it is larger than {limit} bytes")]
    ResponseTooLarge {
        /// Name of the model.
        model: String,
        /// Limit in bytes.
        limit: usize,
    },
    /// The response has another format.
    #[error("failed to parse the response of embedding model {model}")]
    ParseResponse {
        /// Name of the model.
        model: String,
        /// Error of the library.
        source: serde_json::Error,
    },
    /// The response does not have one vector for each text.
    #[error("failed to match the response of embedding model {model} to {texts} texts: {problem}")]
    Mismatch {
        /// Name of the model.
        model: String,
        /// Number of texts.
        texts: usize,
        /// Description of the difference.
        problem: String,
    },
    /// The vectors do not have the configured number of dimensions.
    #[error(
        "failed to use the vectors of embedding model {model}: they have {actual} dimensions instead of {expected}"
    )]
    Dimensions {
        /// Name of the model.
        model: String,
        /// Configured number.
        expected: usize,
        /// Number in the response.
        actual: usize,
    },
}

impl Error {
    /// Returns whether the texts are the cause, so that they will be refused again. All other errors are resolved by time, or by an
    /// administrator who corrects the configuration.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// Returns whether the same request may succeed in some seconds.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Request { .. } | Self::CircuitOpen { .. } => true,
            Self::Unavailable { status, .. } => *status == 408 || *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Returns whether the server has failed, rather than refused the request.
    pub(crate) fn is_failure_of_server(&self) -> bool {
        match self {
            Self::Request { .. } => true,
            Self::Unavailable { status, .. } => *status == 408 || *status >= 500,
            _ => false,
        }
    }

    /// Returns the time after which the server wants to be asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::CircuitOpen { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}
