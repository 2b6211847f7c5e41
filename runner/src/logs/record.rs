//! One line of a step's output.

use std::sync::Arc;

use jiff::Timestamp;
use protocol::internal::LogStream;
use serde::{Serialize, Serializer};

/// Line that a step has written, or a part of a long one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogRecord {
    /// Time at which the runner received the line.
    pub(crate) time: Timestamp,
    #[serde(flatten)]
    pub(crate) origin: LogOrigin,
    pub(crate) stream: LogStream,
    pub(crate) line: String,
    /// The line continues in the next record of the same stream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) partial: bool,
}

/// Attempt that has written a line.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogOrigin {
    /// Name of the run.
    #[serde(serialize_with = "serialize_str")]
    pub(crate) run: Arc<str>,
    /// UID of the run, by which the api-server identifies it.
    #[serde(skip)]
    pub(crate) run_uid: Arc<str>,
    #[serde(serialize_with = "serialize_str")]
    pub(crate) step: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<u32>,
    pub(crate) attempt: u32,
}

/// Serializes the string. Serde has no implementation for `Arc<str>` without its feature `rc`.
fn serialize_str<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
