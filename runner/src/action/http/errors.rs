//! Failures of an HTTP request.

use std::net::SocketAddr;

use crds::{run::StepError, workflow::ErrorKind};
use domain::egress::Denied;
use serde_json::json;
use telemetry::errors::chain;

use crate::action::http::header_value::HeaderValueError;

/// Failure of a request. Each variant maps to the class and code of a step error.
#[derive(Debug, thiserror::Error)]
pub(in crate::action) enum HttpError {
    #[error("invalid URL {url:?}: {reason}")]
    Url { url: String, reason: String },
    #[error("failed to build the request: {reason}")]
    Request { reason: String },
    #[error(transparent)]
    HeaderValue(#[from] HeaderValueError),
    #[error("secrets.{name} has no key {key}, which http.tls requires")]
    Secret { name: String, key: String },
    #[error("secrets.{name}, which http.tls refers to, holds invalid certificates or an invalid private key")]
    Tls {
        name: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("secrets.{name}, which http.tls refers to, holds no certificate")]
    NoCertificate { name: String },
    #[error("failed to follow a redirect to {location:?}: {reason}")]
    Redirect { location: String, reason: String },
    #[error("too many redirects: the next one is to {url}")]
    Redirects { url: String },
    #[error("failed to set up the HTTP client")]
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
    #[error("egress denied: {address}")]
    Denied {
        address: SocketAddr,
        #[source]
        source: Denied,
    },
    #[error("failed to send the request")]
    Send(#[source] reqwest::Error),
    #[error("failed to read the response")]
    Read(#[source] reqwest::Error),
    #[error("the response exceeds {limit} bytes, the step's maxResponseBytes")]
    TooLarge { limit: u64 },
    #[error("the response (status {status}) is not JSON; set `response: Text` to read it as text")]
    NotJson {
        status: u16,
        /// Beginning of the body.
        body: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(
        "the response (status {status}) contains the integer {number}, which does not fit into 64 bits; set `response: Text` to \
         read it as text"
    )]
    Number { status: u16, number: String },
    #[error(
        "the response (status {status}) is not text in {charset}; set `response: Bytes` to read it as base64"
    )]
    NotText { status: u16, charset: &'static str, body: String },
    #[error(
        "the response (status {status}) has the unknown charset {charset:?}; set `response: Bytes` to read it as base64"
    )]
    UnknownCharset { status: u16, charset: String },
    #[error("failed to decode the response (status {status}) with Content-Encoding {encodings:?}")]
    Decode {
        status: u16,
        encodings: String,
        #[source]
        source: std::io::Error,
    },
}

impl HttpError {
    /// Returns the step error with the class and code that `retry` evaluates.
    pub(in crate::action) fn into_step_error(self) -> StepError {
        let (kind, code) = match &self {
            Self::Url { .. } | Self::Request { .. } | Self::HeaderValue(_) => {
                (ErrorKind::User, "HTTP_REQUEST")
            }
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
            Self::NotJson { .. }
            | Self::Number { .. }
            | Self::NotText { .. }
            | Self::UnknownCharset { .. }
            | Self::Decode { .. } => (ErrorKind::User, "HTTP_BODY"),
        };
        let details = match &self {
            Self::NotJson { status, body, .. } | Self::NotText { status, body, .. } => {
                Some(json!({"status": status, "body": body}))
            }
            Self::UnknownCharset { status, .. }
            | Self::Decode { status, .. }
            | Self::Number { status, .. } => Some(json!({"status": status})),
            _ => None,
        };
        StepError { kind, code: code.to_owned(), message: chain(&self), details }
    }
}
