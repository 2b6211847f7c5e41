//! A handler that panicked answers like any other failure.

use std::any::Any;

use axum::response::{IntoResponse as _, Response};

use super::{Code, Problem};

/// The answer for a handler that panicked. The panic's message goes to the log, never to the client.
#[allow(clippy::needless_pass_by_value, reason = "the signature is given by tower-http")]
pub(in crate::http) fn caught(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(Code::Internal).into_response()
}
