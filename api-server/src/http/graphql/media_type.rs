//! Media types of requests and responses.

use axum::http::{HeaderMap, header};

use crate::problem::{Code, Problem};

/// Media type of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status shows whether the document could be executed.
    GraphqlResponse,
    /// `application/json`: the status is 200 even if the document could not be executed, as older clients expect.
    Json,
}

impl MediaType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// Returns the supported media type that the client prefers.
///
/// # Errors
/// Returns an error if the client accepts no supported media type.
pub(super) fn choose(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let mut accepted: Vec<_> = headers
        .get_all(header::ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(weighted)
        .collect();
    if !headers.contains_key(header::ACCEPT) {
        return Ok(MediaType::Json);
    }
    // The sort is stable: the first of two equally preferred media types wins.
    accepted.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    accepted.first().map(|(_, media_type)| *media_type).ok_or_else(|| {
        Problem::new(Code::NotAcceptable)
            .detail("supported media types: application/graphql-response+json, application/json")
    })
}

/// Returns the supported media type that a media range selects, with its quality.
fn weighted(range: &str) -> Option<(f32, MediaType)> {
    let mut parts = range.split(';').map(str::trim);
    let media_type = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/graphql-response+json" => MediaType::GraphqlResponse,
        "application/json" | "application/*" | "*/*" => MediaType::Json,
        _ => return None,
    };
    let quality =
        parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |text| text.parse().ok())?;
    (quality > 0.0).then_some((quality, media_type))
}

/// Checks that the body is JSON. Browsers send forms and plain text for any web page without a CORS preflight.
///
/// # Errors
/// Returns an error if the body has another media type, or another encoding than UTF-8.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let json = parts.next().is_some_and(|media_type| media_type == "application/json");
    let utf8 = parts
        .filter_map(|part| part.strip_prefix("charset=").map(|charset| charset.trim_matches('"').to_owned()));
    if json && utf8.into_iter().all(|charset| charset == "utf-8") {
        Ok(())
    } else {
        Err(Problem::new(Code::UnsupportedMediaType)
            .detail("supported media type: application/json in UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepting(value: &'static str) -> Option<MediaType> {
        choose(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))])).ok()
    }

    /// Clients receive a media type that they accept, and the status rules that belong to it.
    #[test]
    fn the_client_chooses_the_media_type() {
        assert_eq!(choose(&HeaderMap::new()).ok(), Some(MediaType::Json));
        assert_eq!(accepting("*/*"), Some(MediaType::Json));
        assert_eq!(
            accepting("application/graphql-response+json, application/json;q=0.9"),
            Some(MediaType::GraphqlResponse)
        );
        assert_eq!(
            accepting("application/graphql-response+json;q=0.5, application/json"),
            Some(MediaType::Json)
        );
        assert_eq!(accepting("text/html"), None);
    }

    /// No web page can send documents on behalf of its visitors.
    #[test]
    fn media_types_without_a_cors_preflight_are_refused() {
        let sending = |value| {
            require_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(sending("application/json; charset=UTF-8").is_ok());
        assert!(sending("application/json").is_ok());
        assert!(sending("text/plain").is_err());
        assert!(sending("application/json; charset=latin1").is_err());
        assert!(require_json(&HeaderMap::new()).is_err());
    }
}
