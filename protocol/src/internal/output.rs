//! Storage of values that are too large for a run's status.

use serde::{Deserialize, Serialize};

/// Reference to a stored value, with the same fields as `outputRef` in a run's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// URI in object storage. Opaque to the runner.
    pub uri: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
}
