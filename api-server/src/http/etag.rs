//! `ETag` and `If-None-Match` for single resources.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::{Code, Problem};

/// A tag says which bytes were sent, so half of a SHA-256 is enough.
const TAG_BYTES: usize = 16;

/// A resource with its tag, or 304 when the client has it already.
pub(in crate::http) fn tagged<T: Serialize>(request: &HeaderMap, resource: &T) -> Response {
    let Ok(body) = serde_json::to_vec(resource) else {
        return Problem::new(Code::Internal).into_response();
    };
    let tag = tag(&body);
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return Problem::new(Code::Internal).into_response();
    };
    // A resource belongs to one tenant, and its next state is asked for often.
    let cache = HeaderValue::from_static("private, no-cache");
    let mut headers = HeaderMap::from_iter([(header::ETAG, value), (header::CACHE_CONTROL, cache)]);
    if matches(request, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (headers, body).into_response()
}

fn tag(body: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(body).iter().copied().take(TAG_BYTES).collect::<Vec<_>>());
    format!("\"{digest}\"")
}

fn matches(request: &HeaderMap, tag: &str) -> bool {
    let values = request.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|candidate| candidate.trim().trim_start_matches("W/"))
        .any(|candidate| candidate == "*" || candidate == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(tag: &HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())])
    }

    /// A client that polls downloads the same run again and again.
    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let first = tagged(&HeaderMap::new(), &"one");
        let tag = first.headers().get(header::ETAG).unwrap();
        assert_eq!(tagged(&asking(tag), &"one").status(), StatusCode::NOT_MODIFIED);
        assert_eq!(tagged(&asking(tag), &"two").status(), StatusCode::OK);
    }
}
