//! Errors as API clients see them, shared by REST and GraphQL: a code from a closed list, a detail, and the fields
//! concerned. `http` renders them as `application/problem+json`, `graphql` as errors of fields and as user errors.

mod code;
mod from_app;
mod rate;
pub mod reference;

use std::{error::Error, time::Duration};

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::audit::Ending;

pub use code::Code;
pub use rate::{RateHeaders, rate_headers, rate_limited};

/// Delay after which clients should retry while a dependency is unavailable.
const UNAVAILABLE_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Error in one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProblemError)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the request body. Empty if no part of the body is the cause, as with the validation
    /// errors of a workflow.
    #[schema(example = "/input/url")]
    pub pointer: String,
    /// Machine-readable code of the error, such as `schema`, `too_deep` or `unknown_step`; more may be added.
    #[schema(example = "schema")]
    pub code: String,
    /// Human-readable explanation.
    pub message: String,
}

/// Error of a request.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Code, which determines the HTTP status and the title.
    pub code: Code,
    /// Human-readable explanation of this occurrence.
    pub detail: Option<String>,
    /// Errors in fields of the request.
    pub errors: Vec<FieldError>,
    /// Headers that belong to the response, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// Builds a problem that has a code only.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), headers: Vec::new() }
    }

    /// Builds the problem of a request that failed because a dependency is unavailable, and logs the cause.
    #[must_use]
    pub fn unavailable(error: &(dyn Error + 'static), detail: &str) -> Self {
        tracing::error!(error, "request failed: {detail}");
        Self::new(Code::Unavailable).detail(detail).retry_after(UNAVAILABLE_RETRY_DELAY)
    }

    /// Sets the explanation of this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the errors in fields of the request.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in whole seconds.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(delay.as_secs()))
    }

    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// Returns how an operation with this problem ended, for the audit log.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self.status().is_server_error() {
            true => Ending::Failed(self.code.as_str()),
            false => Ending::Refused(self.code.as_str()),
        }
    }

    /// Returns the detail, or the title of the code if there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.code.title())
    }
}
