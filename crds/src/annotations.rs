//! Annotations that we set or read.

/// The id of the API user who asked for an object (set by the api-server).
pub const REQUESTED_BY: &str = "smbcopilot.dev/requested-by";
/// The Idempotency-Key under which the api-server made a run.
pub const IDEMPOTENCY_KEY: &str = "smbcopilot.dev/idempotency-key";
