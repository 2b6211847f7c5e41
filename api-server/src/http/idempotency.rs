//! The `Idempotency-Key` request header and the `Idempotent-Replayed` response header.

use axum::{
    extract::OptionalFromRequestParts,
    http::{HeaderName, HeaderValue, request::Parts},
};

use crate::{
    app::idempotency::{IdempotencyKey, Outcome},
    problem::{Code, Problem},
};

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(None) };
        match value.to_str().ok().and_then(Self::new) {
            Some(key) => Ok(Some(key)),
            None => Err(Problem::new(Code::InvalidParameter)
                .detail("Idempotency-Key must be 1 to 255 printable ASCII characters")),
        }
    }
}

/// Returns `Idempotent-Replayed: true` if the request created nothing new.
pub(in crate::http) fn replayed(outcome: Outcome) -> Option<(HeaderName, HeaderValue)> {
    let header = (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    (outcome == Outcome::Replayed).then_some(header)
}
