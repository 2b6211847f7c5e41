//! Errors of requests to the api-server.

use std::path::PathBuf;

use protocol::internal::RefusalCode;

use crate::retry::Transient;

/// Failure to set up the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("failed to set up the client of the api-server")]
    Client(#[source] reqwest::Error),
}

/// Failure of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("failed to read the token for the api-server from {}", path.display())]
    Token {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to reach the api-server")]
    Send(#[source] reqwest::Error),
    #[error("failed to read the api-server's response")]
    Response(#[source] reqwest::Error),
    #[error("the api-server refused the request with status {status} ({code}): {detail}")]
    Refused { status: u16, code: RefusalCode, detail: String },
}

impl Transient for ApiError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Token { .. } => false,
            Self::Send(_) | Self::Response(_) => true,
            Self::Refused { status, code, .. } => {
                // The response of a gateway has no known code. A token may be about to be renewed.
                code.is_transient() && (*status >= 500 || matches!(status, 408 | 429))
                    || *code == RefusalCode::InvalidToken
            }
        }
    }
}

/// Failure to store a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No object storage is configured, or the runner has no api-server.
    #[error("failed to store a value of {bytes} bytes: no object storage is configured")]
    NoStorage { bytes: usize },
    #[error("failed to store a value of {bytes} bytes: {detail}")]
    TooLarge { bytes: usize, detail: String },
    #[error("failed to encode a value")]
    Encode(#[source] serde_json::Error),
    #[error("failed to store a value of {bytes} bytes")]
    Api {
        bytes: usize,
        #[source]
        source: ApiError,
    },
}

/// Failure to read a stored value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The value does not exist, or the runner has no api-server.
    #[error("{uri} is not available: {reason}")]
    Gone { uri: String, reason: String },
    #[error(
        "the content of {uri} has changed: its SHA-256 is {found}, but was {expected} when it was stored"
    )]
    Changed { uri: String, expected: String, found: String },
    #[error("failed to parse {uri} as JSON")]
    Json {
        uri: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("failed to read {uri}")]
    Api {
        uri: String,
        #[source]
        source: ApiError,
    },
}

impl FetchError {
    /// Returns whether no runner will ever be able to read the value.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Gone { .. } | Self::Changed { .. } | Self::Json { .. } => true,
            Self::Api { source, .. } => !source.is_transient(),
        }
    }

    /// Returns the error code of the step or run.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "OUTPUT_GONE",
            Self::Changed { .. } | Self::Json { .. } => "OUTPUT_CHANGED",
            Self::Api { .. } => "OUTPUT_UNREADABLE",
        }
    }
}
