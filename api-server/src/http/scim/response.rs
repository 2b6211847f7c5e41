//! Responses with resources.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};

use super::{list::Shown, precondition};
use crate::problem::{Code, Problem};

const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// Resource with its version; `None` if the version is not known, since not all of the resource was read.
pub(super) struct Resource {
    pub(super) json: Map<String, Value>,
    pub(super) version: Option<String>,
    pub(super) location: String,
}

impl Resource {
    /// Returns the response with the attributes of the resource that the client wants, or 304 if it has the current version.
    pub(super) fn response(self, request: &HeaderMap, shown: &Shown) -> Response {
        let Self { json, version, location } = self;
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        let tag = version.as_deref().map(precondition::tag);
        headers.extend(tag.and_then(|tag| tag.parse().ok()).map(|tag| (header::ETAG, tag)));
        if version.is_some_and(|version| precondition::is_known(request, &version)) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.extend(location.parse().ok().map(|location| (header::CONTENT_LOCATION, location)));
        (headers, json_response(&Value::Object(shown.select(json)))).into_response()
    }

    /// Returns the response with a new resource.
    pub(super) fn created(self, shown: &Shown) -> Response {
        let location = self.location.parse().ok();
        let mut response = self.response(&HeaderMap::new(), shown);
        *response.status_mut() = StatusCode::CREATED;
        response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
        response
    }
}

/// Returns a response with JSON.
pub(super) fn json_response(value: &Value) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(header::CONTENT_TYPE, SCIM_JSON)], body).into_response(),
        Err(_) => Problem::new(Code::Internal).into_response(),
    }
}
