//! What can be wrong with a schema.

/// Why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Larger than [`super::MAX_BYTES`].
    #[error("the schema has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Size as compact JSON, in bytes.
        bytes: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// `$schema` names another dialect.
    #[error("only JSON Schema 2020-12 is supported, not {dialect}")]
    Dialect {
        /// The dialect named.
        dialect: String,
    },
    /// A reference that leaves the document.
    #[error(
        "{}: `{target}` leaves the schema; only references within it (`#/$defs/…`) are allowed",
        at(pointer)
    )]
    Remote {
        /// Where in the schema.
        pointer: String,
        /// What it refers to.
        target: String,
    },
    /// A schema that applies itself to the same value without end, or in too many ways.
    #[error("{}: applies {applications} subschemas to one value; at most {limit} are allowed", at(pointer))]
    TooCostly {
        /// Where in the schema.
        pointer: String,
        /// How many, counted up to a little more than the limit.
        applications: u64,
        /// The bound.
        limit: u64,
    },
    /// Not a valid schema.
    #[error("{}: {message}", at(pointer))]
    Invalid {
        /// Where in the schema.
        pointer: String,
        /// What is wrong.
        message: String,
    },
}

/// A JSON pointer for people.
pub(super) fn at(pointer: &str) -> &str {
    if pointer.is_empty() { "(root)" } else { pointer }
}
