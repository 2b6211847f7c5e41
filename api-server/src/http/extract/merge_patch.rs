//! The extractor of JSON merge patches (RFC 7396).

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::Json;
use crate::problem::{Code, Problem};

/// Media type of the body.
const MEDIA_TYPE: &str = "application/merge-patch+json";

/// Merge patch in the body of a request, whose media type must be `application/merge-patch+json`.
pub(in crate::http) struct MergePatch<T>(pub(in crate::http) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case(MEDIA_TYPE) {
            let detail = format!("the body must have the media type {MEDIA_TYPE}");
            return Err(Problem::new(Code::UnsupportedMediaType).detail(detail));
        }
        let Json(patch) = Json::from_request(request, state).await?;
        Ok(Self(patch))
    }
}

/// Deserializes a field that may be null, which is not the same as an absent one.
///
/// # Errors
/// Returns an error if the value has another type.
pub(in crate::http) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
