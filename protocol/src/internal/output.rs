//! Values that are too large for a run's status.

use serde::{Deserialize, Serialize};

/// Where a value was stored; the same fields as `outputRef` in a run's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Where, in object storage. Opaque to the runner.
    pub uri: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, as 64 lower-case hex digits.
    pub sha256: String,
    /// Its media type.
    pub media_type: String,
}
