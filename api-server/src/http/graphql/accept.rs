//! Media types: what the client sends and takes.

use axum::http::{HeaderMap, header};

use crate::http::problem::{Code, Problem};

/// The media types that an answer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status says whether the document could be executed.
    GraphqlResponse,
    /// `application/json`: the status is 200 even when it could not, as older clients expect.
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

/// The media type that the client likes best of those that can be given.
///
/// # Errors
/// It takes none of them.
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
    // Stable: of two that are liked alike, the first wins.
    accepted.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    accepted.first().map(|(_, media_type)| *media_type).ok_or_else(|| {
        Problem::new(Code::NotAcceptable)
            .detail("application/graphql-response+json and application/json can be given")
    })
}

/// A media range that we can serve, and how much it is liked.
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

/// The body is JSON. A form or a text would be sent by browsers from any web page, without asking.
///
/// # Errors
/// It is something else, or in another encoding than UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let json = parts.next().is_some_and(|media_type| media_type == "application/json");
    let utf8 =
        parts.filter_map(|part| part.strip_prefix("charset=").map(|it| it.trim_matches('"').to_owned()));
    if json && utf8.into_iter().all(|charset| charset == "utf-8") {
        Ok(())
    } else {
        Err(Problem::new(Code::UnsupportedMediaType)
            .detail("a document is sent as application/json in UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepting(value: &'static str) -> Option<MediaType> {
        choose(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))])).ok()
    }

    /// A client gets answers in a format, or with statuses, that it does not understand.
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

    /// Any web page can send documents in the name of its reader.
    #[test]
    fn what_browsers_send_without_asking_is_refused() {
        let sending =
            |value| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]));
        assert!(sending("application/json; charset=UTF-8").is_ok());
        assert!(sending("application/json").is_ok());
        assert!(sending("text/plain").is_err());
        assert!(sending("application/json; charset=latin1").is_err());
        assert!(is_json(&HeaderMap::new()).is_err());
    }
}
