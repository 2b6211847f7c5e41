//! The response to a request whose handler panicked.

use std::any::Any;

use axum::response::{IntoResponse as _, Response};

use crate::problem::{Code, Problem};

/// Builds the response for a handler that panicked. The panic message is logged and never sent to the client.
#[allow(clippy::needless_pass_by_value, reason = "tower-http defines the signature")]
pub(in crate::http) fn response_for_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no panic message");
    tracing::error!(panic = message, "request handler panicked");
    Problem::new(Code::Internal).into_response()
}
