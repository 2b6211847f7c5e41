//! Why a request of a runner was not done.

use serde::{Deserialize, Serialize};

/// The body of an answer that is no success. Fields that are not named here may be there too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What, for machines.
    pub code: RefusalCode,
    /// What, for people; names what has been exceeded and by how much.
    #[serde(default)]
    pub detail: String,
}

/// Why a request was not done, and whether to try it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// 400: the request cannot be read.
    Malformed,
    /// 401: the token does not hold.
    InvalidToken,
    /// 403: this pod does not hold the run.
    NotTheHolder,
    /// 404: nothing is stored there, or the run is unknown.
    NotFound,
    /// 413: more bytes than may be stored or sent.
    TooLarge,
    /// 422: the bytes are not those that the SHA-256 promises.
    DigestMismatch,
    /// 501: no object storage is configured.
    NoObjectStorage,
    /// 503: something that is needed is away; the same request may succeed later.
    Unavailable,
    /// Whatever a newer api-server says.
    #[serde(other)]
    Unknown,
}

impl RefusalCode {
    /// Whether the same request may succeed later.
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

    /// A runner gives up, because a newer api-server has another word for a passing trouble.
    #[test]
    fn an_unknown_code_is_tried_again() {
        let refusal: Refusal = serde_json::from_value(json!({"code": "on_fire", "status": 503})).unwrap();
        assert!(refusal.code.is_transient());
        let refusal: Refusal = serde_json::from_value(json!({"code": "no_object_storage"})).unwrap();
        assert_eq!(refusal.code, RefusalCode::NoObjectStorage);
    }
}
