//! Errors of requests to the API server, classified by how the caller reacts.

use std::time::Duration;

use crate::retry::Transient;

/// Message with which the API server refuses a JSON patch that removes what the object does not have: another writer has changed
/// it. The API server applies the patch before it compares the resource version.
const INAPPLICABLE_PATCH: &str = "the server rejected our request due to an error in our request";

/// Failure to read an object.
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
    #[error("{kind} {name} does not exist")]
    Missing { kind: &'static str, name: String },
    #[error("failed to parse {kind} {name}")]
    Malformed {
        kind: &'static str,
        name: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Failure to write the status of a run, or to cancel one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// Another writer has changed the run: read it again, then decide.
    #[error("failed to write the status of run {run}: its resource version has changed")]
    Conflict { run: String },
    /// The run does not exist, or is no longer assigned to this pod.
    #[error("failed to write the status of run {run}: it is no longer assigned to this pod")]
    NotAssigned { run: String },
    /// The API server cannot be reached or reports a temporary failure: retry.
    #[error("failed to write the status of run {run}: temporary failure")]
    Transient {
        run: String,
        #[source]
        source: Option<Box<kube::Error>>,
    },
    /// The run would be larger than its limit. The API server was not asked.
    #[error(
        "failed to write the status of run {run}: with its status, the run would have {bytes} bytes; the limit is {limit}"
    )]
    TooLarge { run: String, bytes: usize, limit: usize },
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
    /// The API server refuses the content.
    #[error("failed to write the status of run {run}: the API server refuses it")]
    Refused {
        run: String,
        #[source]
        source: Box<kube::Error>,
    },
}

/// Failure to create a sub-run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("failed to create run {run}: temporary failure")]
    Transient {
        run: String,
        #[source]
        source: Option<Box<kube::Error>>,
    },
    #[error("failed to create run {run}: the API server refuses it")]
    Refused {
        run: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to create run {run}: another run already has this name")]
    Taken { run: String },
}

impl CreateError {
    /// Classifies the error of a creation.
    pub(super) fn new(run: &str, source: kube::Error) -> Self {
        let run = run.to_owned();
        if is_transient_failure(&source) {
            Self::Transient { run, source: Some(Box::new(source)) }
        } else {
            Self::Refused { run, source: Box::new(source) }
        }
    }
}

impl Transient for CreateError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}

impl Transient for ReadError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Get { source, .. } => is_transient_failure(source),
            Self::Timeout { .. } => true,
            Self::Missing { .. } | Self::Malformed { .. } => false,
        }
    }
}

impl Transient for WriteError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}

impl WriteError {
    /// Classifies the error of a write.
    pub(super) fn new(run: &str, source: kube::Error) -> Self {
        let run = run.to_owned();
        match status_code(&source) {
            Some(409) => Self::Conflict { run },
            Some(422) if source.to_string().contains(INAPPLICABLE_PATCH) => Self::Conflict { run },
            Some(403 | 404) => Self::NotAssigned { run },
            _ if is_transient_failure(&source) => Self::Transient { run, source: Some(Box::new(source)) },
            _ => Self::Refused { run, source: Box::new(source) },
        }
    }
}

/// Returns the HTTP status with which the API server answered, or `None` if it did not answer.
pub(super) fn status_code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Returns whether a retry may succeed. The API server reports `request is too large` with status 500, which is
/// permanent.
fn is_transient_failure(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            let is_busy = matches!(status.code, 429 | 500..=599);
            // The operator deletes finished runs, so that the quota has room again.
            let is_quota = status.code == 403 && status.message.contains("exceeded quota");
            is_quota || is_busy && !status.message.contains("request is too large")
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) => true,
        _ => false,
    }
}
