//! Problems as HTTP responses: `application/problem+json` (RFC 9457) for every response that is not a success.

mod body;
mod panic;
mod render;

use axum::response::{IntoResponse, Response};

pub(in crate::http) use body::Body;
pub(in crate::http) use panic::response_for_panic;
pub(in crate::http) use render::{OwnErrorFormat, render};

use crate::problem::Problem;

/// Builds a response without a body. [`render`] adds the body on the way out, since it knows path and request id.
impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let headers = std::mem::take(&mut self.headers);
        let mut response = self.status().into_response();
        response.headers_mut().extend(headers);
        response.extensions_mut().insert(self);
        response
    }
}
