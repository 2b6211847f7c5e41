//! Refusals of a runner's requests.

use serde::{Deserialize, Serialize};

/// Body of a response that is not a success. It may contain further fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Machine-readable code.
    pub code: RefusalCode,
    /// Human-readable explanation. If a limit is exceeded, it has the limit and the actual number.
    #[serde(default)]
    pub detail: String,
}

/// Reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefusalCode {
    /// 400: the request cannot be parsed.
    Malformed,
    /// 401: the token is invalid.
    InvalidToken,
    /// 403: the run is not assigned to this pod.
    NotTheHolder,
    /// 404: the stored value or the run does not exist.
    NotFound,
    /// 413: the body or the value is too large.
    TooLarge,
    /// 422: the bytes do not have the announced SHA-256.
    DigestMismatch,
    /// 501: no object storage is configured.
    NoObjectStorage,
    /// 503: a dependency of the api-server is unavailable; the request may succeed later.
    Unavailable,
    /// Any code of a newer api-server.
    #[serde(other)]
    Unknown,
}

impl RefusalCode {
    /// Returns whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::Unavailable | Self::Unknown => true,
            Self::Malformed
            | Self::InvalidToken
            | Self::NotTheHolder
            | Self::NotFound
            | Self::TooLarge
            | Self::DigestMismatch
            | Self::NoObjectStorage => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A code that this release does not know counts as transient, so that the runner retries the request.
    #[test]
    fn an_unknown_code_is_transient() {
        let refusal: Refusal = serde_json::from_value(json!({"code": "on_fire", "status": 503})).unwrap();
        assert!(refusal.code.is_transient());
        let refusal: Refusal = serde_json::from_value(json!({"code": "no_object_storage"})).unwrap();
        assert_eq!(refusal.code, RefusalCode::NoObjectStorage);
        assert_eq!(refusal.code.to_string(), "no_object_storage");
    }
}
