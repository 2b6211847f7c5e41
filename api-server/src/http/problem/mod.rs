//! Errors as clients see them: `application/problem+json` (RFC 9457), whatever went wrong.

mod code;
mod panic;
mod render;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

pub use code::Code;
pub(in crate::http) use panic::caught;
pub(in crate::http) use render::{OwnFormat, render};

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProblemError)]
pub struct FieldError {
    /// A JSON pointer into the body, or the name of a query parameter.
    pub pointer: String,
    /// What is wrong, for machines.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
}

/// An answer that is no success. [`render`] gives it its final shape, on its way out.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What went wrong: decides status and title.
    pub code: Code,
    /// What went wrong this time, for people.
    pub detail: Option<String>,
    /// Each thing that is wrong with the request.
    pub errors: Vec<FieldError>,
    /// Headers that belong to the answer, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with nothing said but its code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), headers: Vec::new() }
    }

    /// Says what went wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Lists what is wrong with the request.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let headers = std::mem::take(&mut self.headers);
        let mut response = self.status().into_response();
        response.headers_mut().extend(headers);
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of every answer that is no success.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct Body {
    /// A URN of the code.
    #[schema(example = "urn:smbcopilot:problem:not_found")]
    r#type: String,
    /// The code in words; the same for every problem of this code.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What went wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The path of the request.
    instance: String,
    /// What went wrong, for machines; new codes may be added.
    code: &'static str,
    /// The id of the request, as in `X-Request-Id` and in the server's log.
    request_id: String,
    /// Each thing that is wrong with the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}
