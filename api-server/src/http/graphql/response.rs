//! HTTP responses for GraphQL responses.

use async_graphql::{Response as Executed, Value};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::{media_type::MediaType, parse::ParseError};
use crate::http::problem::OwnErrorFormat;

/// Body without `data`: the document was not executed.
#[derive(Serialize)]
struct Unexecuted<E> {
    errors: Vec<E>,
}

#[derive(Serialize)]
struct Message {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<Extensions>,
}

#[derive(Serialize)]
struct Extensions {
    code: &'static str,
}

/// Builds the response to a malformed request.
pub(super) fn refused(media_type: MediaType, error: &ParseError) -> Response {
    let errors = vec![Message {
        message: error.to_string(),
        extensions: error.code().map(|code| Extensions { code }),
    }];
    send(media_type, StatusCode::BAD_REQUEST, &Unexecuted { errors })
}

/// Builds the response for the result of the execution.
pub(super) fn executed(media_type: MediaType, response: Executed) -> Response {
    if was_executed(&response) {
        return send(media_type, StatusCode::OK, &response);
    }
    let status = match media_type {
        MediaType::GraphqlResponse => StatusCode::BAD_REQUEST,
        MediaType::Json => StatusCode::OK,
    };
    send(media_type, status, &Unexecuted { errors: response.errors })
}

/// Returns whether the document was executed. Errors of the document have no path; errors of fields have one, even if
/// they made all of `data` null.
fn was_executed(response: &Executed) -> bool {
    response.data != Value::Null || response.errors.iter().all(|error| !error.path.is_empty())
}

fn send(media_type: MediaType, status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type.as_str())),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    let mut response = (status, headers, bytes).into_response();
    response.extensions_mut().insert(OwnErrorFormat);
    response
}
