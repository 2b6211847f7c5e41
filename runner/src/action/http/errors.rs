//! Why a request gave no answer.

use std::net::SocketAddr;

use crds::{run::StepError, workflow::ErrorKind};
use domain::egress::Denied;
use serde_json::json;

use crate::chain::chain;

/// Each variant is one error code of a step, or a group of them.
#[derive(Debug, thiserror::Error)]
pub(in crate::action) enum HttpError {
    #[error("failed to read the URL {url:?}: {reason}")]
    Url { url: String, reason: String },
    #[error("failed to build the request: {reason}")]
    Request { reason: String },
    #[error("failed to find key {key} of secrets.{name}, which http.tls names")]
    Secret { name: String, key: String },
    #[error("failed to read the certificates or key of secrets.{name}, which http.tls names")]
    Tls {
        name: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("failed to find a certificate in secrets.{name}, which http.tls names")]
    NoCertificate { name: String },
    #[error("failed to follow a redirect to {location:?}: {reason}")]
    Redirect { location: String, reason: String },
    #[error("failed to get to the end of redirects: the next would be to {url}")]
    Redirects { url: String },
    #[error("failed to set up the client")]
    Client(#[source] reqwest::Error),
    #[error("failed to resolve {host}")]
    Resolve {
        host: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to resolve {host} within {seconds} s")]
    ResolveTimeout { host: String, seconds: u64 },
    #[error("failed to resolve {host}: it has no address")]
    NoAddress { host: String },
    #[error("failed to be allowed to reach {address}")]
    Denied {
        address: SocketAddr,
        #[source]
        source: Denied,
    },
    #[error("failed to send the request")]
    Send(#[source] reqwest::Error),
    #[error("failed to read the answer")]
    Read(#[source] reqwest::Error),
    #[error("failed to read the answer: it has more than {limit} bytes, the step's maxResponseBytes")]
    TooLarge { limit: u64 },
    #[error("failed to read the answer as JSON (status {status}); set `response: Text` to take it as text")]
    NotJson {
        status: u16,
        /// Its beginning.
        body: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("failed to read the answer as text (status {status}): it is not UTF-8; set `response: Bytes`")]
    NotText { status: u16, body: String },
}

impl HttpError {
    /// What the step's author, and `retry`, see of it.
    pub(in crate::action) fn into_step_error(self) -> StepError {
        let (kind, code) = match &self {
            Self::Url { .. } | Self::Request { .. } => (ErrorKind::User, "HTTP_REQUEST"),
            Self::Secret { .. } => (ErrorKind::User, "SECRET_MISSING"),
            Self::Tls { .. } | Self::NoCertificate { .. } => (ErrorKind::User, "HTTP_TLS"),
            Self::Redirect { .. } | Self::Redirects { .. } => (ErrorKind::User, "HTTP_REDIRECT"),
            Self::Client(_) => (ErrorKind::Infra, "HTTP_CLIENT"),
            Self::Resolve { .. } | Self::NoAddress { .. } => (ErrorKind::Infra, "HTTP_CONNECT"),
            Self::Denied { .. } => (ErrorKind::Policy, "EGRESS_DENIED"),
            Self::ResolveTimeout { .. } => (ErrorKind::Timeout, "HTTP_TIMEOUT"),
            Self::Send(error) | Self::Read(error) if error.is_timeout() => {
                (ErrorKind::Timeout, "HTTP_TIMEOUT")
            }
            Self::Send(error) if error.is_builder() => (ErrorKind::User, "HTTP_REQUEST"),
            Self::Send(_) => (ErrorKind::Infra, "HTTP_CONNECT"),
            Self::Read(_) => (ErrorKind::Infra, "HTTP_READ"),
            Self::TooLarge { .. } => (ErrorKind::User, "HTTP_TOO_LARGE"),
            Self::NotJson { .. } | Self::NotText { .. } => (ErrorKind::User, "HTTP_BODY"),
        };
        let details = match &self {
            Self::NotJson { status, body, .. } | Self::NotText { status, body } => {
                Some(json!({"status": status, "body": body}))
            }
            _ => None,
        };
        StepError { kind, code: code.to_owned(), message: chain(&self), details }
    }
}
