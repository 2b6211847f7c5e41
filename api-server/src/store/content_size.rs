//! Sizes of contents, which Postgres measures before they are loaded.

/// Size of the JSON values of some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentSize {
    /// Size as JSON text, in bytes.
    pub text: usize,
    /// Most memory that the values take once they are decoded, in bytes; see [`crate::limits::decoded_bytes`].
    pub decoded: usize,
}

impl ContentSize {
    /// Builds a size from sums in Postgres.
    pub(super) fn from_sums(text: i64, decoded: i64) -> Self {
        let bytes = |sum: i64| usize::try_from(sum).unwrap_or(usize::MAX);
        Self { text: bytes(text), decoded: bytes(decoded) }
    }
}
