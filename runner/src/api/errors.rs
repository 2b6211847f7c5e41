//! What can go wrong with the api-server.

use std::path::PathBuf;

use protocol::internal::RefusalCode;

/// Why the api-server cannot be spoken to at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("failed to set up the client of the api-server")]
    Client(#[source] reqwest::Error),
}

/// Why a request was not done.
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
    #[error("failed to read the api-server's answer")]
    Answer(#[source] reqwest::Error),
    #[error("failed to have it done: the api-server answers {status} ({code:?}): {detail}")]
    Refused { status: u16, code: RefusalCode, detail: String },
}

impl ApiError {
    /// Whether another try may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Token { .. } => false,
            Self::Send(_) | Self::Answer(_) => true,
            Self::Refused { status, code, .. } => {
                // A gateway's own answer has no code that we know; a token may just be being renewed.
                code.is_transient() && (*status >= 500 || matches!(status, 408 | 429))
                    || *code == RefusalCode::InvalidToken
            }
        }
    }
}

/// Why a value is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// There is no object storage, or nobody to ask for it.
    #[error("failed to store a value of {bytes} bytes: there is no object storage")]
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

/// Why a stored value cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// There is nothing there, or nobody to ask for it.
    #[error("failed to find {uri}: {reason}")]
    Gone { uri: String, reason: String },
    #[error("failed to trust {uri}: its SHA-256 is {found}, and was {expected} when it was stored")]
    Changed { uri: String, expected: String, found: String },
    #[error("failed to read {uri} as JSON")]
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
    /// Whether nobody can read it, now or later.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Gone { .. } | Self::Changed { .. } | Self::Json { .. } => true,
            Self::Api { source, .. } => !source.is_transient(),
        }
    }

    /// For machines.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "OUTPUT_GONE",
            Self::Changed { .. } | Self::Json { .. } => "OUTPUT_CHANGED",
            Self::Api { .. } => "OUTPUT_UNREADABLE",
        }
    }
}
