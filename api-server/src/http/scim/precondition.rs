//! `If-Match` and `If-None-Match` with the versions of resources. SCIM uses weak entity tags in both (RFC 7644, section 3.14).

use axum::http::{HeaderMap, HeaderName, header};

use crate::problem::{Code, Problem};

/// Returns the entity tag of a version.
pub(super) fn tag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// Returns the version that a resource must have; `None` if the request does not say so.
///
/// # Errors
/// Returns an error if the header is not a single entity tag, which no version matches.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    match value(headers, &header::IF_MATCH).map(version) {
        None | Some(Some("*")) => Ok(None),
        Some(Some(version)) => Ok(Some(version.to_owned())),
        Some(None) => Err(Problem::new(Code::PreconditionFailed)
            .detail("If-Match is not a single entity tag, such as W/\"3\", of this resource")),
    }
}

/// Returns the version that a user must have, like [`if_match`].
///
/// # Errors
/// Returns an error if no user has such a version.
pub(super) fn if_match_number(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let version = if_match(headers)?;
    let number = |version: String| version.parse().map_err(|_| Problem::new(Code::PreconditionFailed));
    version.map(number).transpose()
}

/// Returns whether the client has a version of a resource already.
pub(super) fn is_known(headers: &HeaderMap, version: &str) -> bool {
    let tags = value(headers, &header::IF_NONE_MATCH).unwrap_or_default();
    tags.split(',')
        .map(str::trim)
        .any(|tag| self::version(tag).is_some_and(|known| known == version || known == "*"))
}

fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Returns the version of an entity tag; `None` if it is none.
fn version(tag: &str) -> Option<&str> {
    let tag = tag.trim();
    if tag == "*" {
        return Some(tag);
    }
    let text = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(text)
}
