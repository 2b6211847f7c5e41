//! What can go wrong with the API server, by what is to be done about it.

use std::time::Duration;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("failed to get {kind} {name}")]
    Get {
        kind: &'static str,
        name: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to get {kind} {name} within {} s", after.as_secs())]
    Timeout { kind: &'static str, name: String, after: Duration },
    #[error("failed to find {kind} {name}")]
    Missing { kind: &'static str, name: String },
    #[error("failed to understand {kind} {name}")]
    Malformed {
        kind: &'static str,
        name: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a status could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// Somebody else wrote in between: read again, then decide.
    #[error("failed to write the status of run {run}: it has changed")]
    Conflict { run: String },
    /// The run is gone, or is not ours to write any more.
    #[error("failed to write the status of run {run}: it is not held by this pod any more")]
    NotHeld { run: String },
    /// The API server cannot be reached or is not well: try again.
    #[error("failed to write the status of run {run} for now")]
    Transient {
        run: String,
        #[source]
        source: Option<Box<kube::Error>>,
    },
    #[error("failed to encode the status of run {run}")]
    Encode {
        run: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("failed to build the request that writes the status of run {run}")]
    Request {
        run: String,
        #[source]
        source: http::Error,
    },
    /// It will never be accepted as it is.
    #[error("failed to write the status of run {run}: it is refused")]
    Refused {
        run: String,
        #[source]
        source: Box<kube::Error>,
    },
}

/// Why a sub-run could not be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("failed to create run {run} for now")]
    Transient {
        run: String,
        #[source]
        source: Option<Box<kube::Error>>,
    },
    #[error("failed to create run {run}: it is refused")]
    Refused {
        run: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to create run {run}: there is another one of this name")]
    Taken { run: String },
}

impl CreateError {
    pub(super) fn new(run: &str, source: kube::Error) -> Self {
        let run = run.to_owned();
        if is_transient(&source) {
            Self::Transient { run, source: Some(Box::new(source)) }
        } else {
            Self::Refused { run, source: Box::new(source) }
        }
    }
}

impl ReadError {
    /// Whether another try may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Get { source, .. } => is_transient(source),
            Self::Timeout { .. } => true,
            Self::Missing { .. } | Self::Malformed { .. } => false,
        }
    }
}

impl WriteError {
    pub(super) fn new(run: &str, source: kube::Error) -> Self {
        let run = run.to_owned();
        match code(&source) {
            Some(409) => Self::Conflict { run },
            Some(403 | 404) => Self::NotHeld { run },
            _ if is_transient(&source) => Self::Transient { run, source: Some(Box::new(source)) },
            _ => Self::Refused { run, source: Box::new(source) },
        }
    }
}

pub(super) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// `request is too large` comes as a 500, and is one for ever.
fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            matches!(status.code, 429 | 500..=599) && !status.message.contains("request is too large")
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) => true,
        _ => false,
    }
}
