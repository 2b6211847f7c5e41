//! `ETag` and `If-None-Match` of single resources.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::problem::{Code, Problem};

/// Length of a tag: half of a SHA-256, since a tag only has to distinguish the states of one resource.
const TAG_BYTES: usize = 16;

/// Returns a resource as JSON with its entity tag, or 304 if the client has the current state already.
pub(in crate::http) fn with_etag<T: Serialize>(request: &HeaderMap, resource: &T) -> Response {
    let Ok(body) = serde_json::to_vec(resource) else {
        return Problem::new(Code::Internal).into_response();
    };
    let tag = etag(&body);
    let mut headers = HeaderMap::new();
    // A resource belongs to one tenant, and clients poll its next state.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.typed_insert(tag.clone());
    let condition: Option<IfNoneMatch> = request.typed_get();
    if condition.is_some_and(|condition| !condition.precondition_passes(&tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (headers, body).into_response()
}

fn etag(body: &[u8]) -> ETag {
    let digest = hex::encode(Sha256::digest(body).iter().copied().take(TAG_BYTES).collect::<Vec<_>>());
    format!("\"{digest}\"").parse().expect("hex digits in quotes are an entity tag")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_none_match(tag: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.parse().unwrap())])
    }

    /// A client that polls an unchanged resource does not download it again.
    #[test]
    fn a_resource_that_the_client_has_is_not_sent_again() {
        let first = with_etag(&HeaderMap::new(), &"one");
        let tag = first.headers().get(header::ETAG).unwrap().to_str().unwrap();
        for condition in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let response = with_etag(&if_none_match(&condition), &"one");
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{condition}");
        }
        assert_eq!(with_etag(&if_none_match(tag), &"two").status(), StatusCode::OK);
    }

    proptest::proptest! {
        /// Whatever the header, a client gets the resource, or the statement that it has it.
        #[test]
        fn any_text_is_a_condition(text in "(W/|\"[0-9a-f]{0,40}\"|[*, ]{0,3}|\\PC{0,9}){0,4}") {
            let Ok(value) = HeaderValue::from_str(&text) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]);
            let status = with_etag(&headers, &"one").status();
            proptest::prop_assert!(matches!(status, StatusCode::OK | StatusCode::NOT_MODIFIED));
        }
    }
}
