//! `ETag`, `If-None-Match` and `If-Match` of single resources.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::problem::{Code, Problem};

/// Length of a tag: half of a SHA-256, since a tag only has to distinguish the states of one resource.
const TAG_BYTES: usize = 16;
/// Separator of the generation of a resource and the digest in its tag.
const SEPARATOR: char = '.';
/// Use of a response by caches: a resource belongs to one tenant, and clients ask for its next state.
const CACHE: &str = "private, no-cache";

/// Returns a resource as JSON with its entity tag, or 304 if the client has the current state already.
pub(in crate::http) fn with_etag<T: Serialize>(request: &HeaderMap, resource: &T) -> Response {
    tagged(request, "", resource)
}

/// Returns a resource like [`with_etag`] whose tag begins with its generation, for [`IfMatch`].
pub(in crate::http) fn with_generation<T: Serialize>(
    request: &HeaderMap,
    generation: i64,
    resource: &T,
) -> Response {
    tagged(request, &format!("{generation}{SEPARATOR}"), resource)
}

fn tagged<T: Serialize>(request: &HeaderMap, prefix: &str, resource: &T) -> Response {
    let Ok(body) = serde_json::to_vec(resource) else {
        return Problem::new(Code::Internal).into_response();
    };
    let tag = etag(prefix, &body);
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    headers.typed_insert(tag.clone());
    if has(request, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (headers, body).into_response()
}

/// Returns bytes with the entity tag of their digest, or 304 if the client has them already.
pub(in crate::http) fn with_digest(
    request: &HeaderMap,
    sha256: &str,
    response: impl IntoResponse,
) -> Response {
    let tag = format!("\"{sha256}\"");
    let headers = [(header::CACHE_CONTROL, CACHE.to_owned()), (header::ETAG, tag.clone())];
    match is_known(request, &tag) {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, response).into_response(),
    }
}

/// Returns whether the client has the state of a resource that a strong entity tag, with its quotes, names.
pub(in crate::http) fn is_known(request: &HeaderMap, tag: &str) -> bool {
    tag.parse().is_ok_and(|tag| has(request, &tag))
}

fn has(request: &HeaderMap, tag: &ETag) -> bool {
    let condition: Option<IfNoneMatch> = request.typed_get();
    condition.is_some_and(|condition| !condition.precondition_passes(tag))
}

fn etag(prefix: &str, body: &[u8]) -> ETag {
    let digest = hex::encode(Sha256::digest(body).iter().copied().take(TAG_BYTES).collect::<Vec<_>>());
    format!("\"{prefix}{digest}\"").parse().expect("digits in quotes are an entity tag")
}

/// State of a resource that a request with `If-Match` expects. What the resource reports about its state, such as the time of the
/// last run, changes its tag but is not changed by requests: only the generation of its definition, with which the tag begins,
/// has to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum IfMatch {
    /// Any state.
    Any,
    /// The definition with this generation.
    Generation(i64),
}

impl IfMatch {
    /// Returns the generation that the resource must have; `None` if any is right.
    pub(in crate::http) fn generation(self) -> Option<i64> {
        match self {
            Self::Any => None,
            Self::Generation(generation) => Some(generation),
        }
    }

    /// Reads the header. A tag that this API did not make, or a weak one, matches no state (RFC 9110, section 13.1.1).
    ///
    /// # Errors
    /// Returns an error if no tag can match, or if the header is missing.
    fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(header::IF_MATCH).into_iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Problem::new(Code::PreconditionRequired)
                .detail("send the ETag of the resource, as GET returns it, in one header If-Match"));
        };
        match value.to_str().ok().map(str::trim) {
            Some("*") => Ok(Self::Any),
            value => value.and_then(generation).map(Self::Generation).ok_or_else(|| {
                Problem::new(Code::PreconditionFailed)
                    .detail("If-Match is not a single ETag of this resource")
            }),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::from_headers(&parts.headers)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        match parts.headers.contains_key(header::IF_MATCH) {
            true => Self::from_headers(&parts.headers).map(Some),
            false => Ok(None),
        }
    }
}

/// Returns the generation with which a tag begins.
fn generation(tag: &str) -> Option<i64> {
    let (generation, digest) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once(SEPARATOR)?;
    let is_digest = digest.len() == 2 * TAG_BYTES && digest.bytes().all(|digit| digit.is_ascii_hexdigit());
    generation.parse().ok().filter(|_| is_digest)
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

    fn if_match(value: &'static str) -> Result<IfMatch, Code> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
        IfMatch::from_headers(&headers).map_err(|problem| problem.code)
    }

    /// The tag of a resource names its generation, and no other text does.
    #[test]
    fn the_tag_of_a_resource_names_its_generation() {
        let response = with_generation(&HeaderMap::new(), 7, &"one");
        let tag = response.headers().get(header::ETAG).unwrap().clone();
        let headers = HeaderMap::from_iter([(header::IF_MATCH, tag)]);
        assert_eq!(IfMatch::from_headers(&headers).ok(), Some(IfMatch::Generation(7)));
        assert_eq!(if_match("*"), Ok(IfMatch::Any));
        for value in ["", "7", "\"7\"", "\"7.\"", "\"7.zz\"", "W/\"7.00000000000000000000000000000000\""] {
            assert_eq!(if_match(value), Err(Code::PreconditionFailed), "{value}");
        }
        assert!(
            IfMatch::from_headers(&HeaderMap::new()).is_err_and(|p| p.code == Code::PreconditionRequired)
        );
    }
}
