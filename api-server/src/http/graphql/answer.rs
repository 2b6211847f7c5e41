//! From a response to an answer.

use async_graphql::{Response as Executed, Value};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::{accept::MediaType, parse::Refusal};
use crate::http::problem::OwnFormat;

/// A response without `data`: the document was not executed at all.
#[derive(Serialize)]
struct Unexecuted<E> {
    errors: Vec<E>,
}

#[derive(Serialize)]
struct Message {
    message: String,
}

/// The answer for a request that is none.
pub(super) fn refused(media_type: MediaType, refusal: &Refusal) -> Response {
    let errors = vec![Message { message: refusal.to_string() }];
    send(media_type, StatusCode::BAD_REQUEST, &Unexecuted { errors })
}

/// The answer for a document that was executed, or that could not be.
pub(super) fn answer(media_type: MediaType, response: Executed) -> Response {
    if was_executed(&response) {
        return send(media_type, StatusCode::OK, &response);
    }
    let status = match media_type {
        MediaType::GraphqlResponse => StatusCode::BAD_REQUEST,
        MediaType::Json => StatusCode::OK,
    };
    send(media_type, status, &Unexecuted { errors: response.errors })
}

/// Errors of a document have no path; those of a field, which may have made all of `data` null, have one.
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
    response.extensions_mut().insert(OwnFormat);
    response
}
