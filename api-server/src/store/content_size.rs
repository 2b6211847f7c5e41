//! Sizes of contents, which Postgres measures before they are loaded.

/// Size of the JSON values of some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentSize {
    /// Size as JSON text, in bytes.
    pub text: usize,
    /// Most memory that the values take once they are decoded, in bytes; see [`crate::limits::json_memory`].
    pub decoded: usize,
}

impl ContentSize {
    /// Builds a size from sums in Postgres.
    pub(super) fn from_sums(text: i64, decoded: i64) -> Self {
        let bytes = |sum: i64| usize::try_from(sum).unwrap_or(usize::MAX);
        Self { text: bytes(text), decoded: bytes(decoded) }
    }
}

/// Content that a statement returns together with the row that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineContent {
    /// No content. It is not measured either.
    None,
    /// The content, if it takes at most this number of bytes once it is decoded; otherwise only its size.
    UpTo(usize),
}

impl InlineContent {
    /// Returns the limit as the parameter of a statement: negative if no content is returned.
    pub(super) fn limit(self) -> i64 {
        match self {
            Self::None => -1,
            Self::UpTo(bytes) => i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }
}
