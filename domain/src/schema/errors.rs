//! Errors of a JSON Schema.

/// Reason why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The schema is larger than [`super::MAX_BYTES`].
    #[error("the schema has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Size as compact JSON, in bytes.
        bytes: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// `$schema` names another dialect.
    #[error("unsupported dialect {dialect}: only JSON Schema 2020-12 is supported")]
    Dialect {
        /// URI of the dialect.
        dialect: String,
    },
    /// A reference leaves the document.
    #[error(
        "{}: external reference `{target}`: only references within the schema (`#/$defs/…`) are allowed",
        display_pointer(pointer)
    )]
    Remote {
        /// JSON pointer to the reference in the schema.
        pointer: String,
        /// Target of the reference.
        target: String,
    },
    /// The schema applies itself to the same value without end, or applies too many subschemas to it.
    #[error(
        "{}: applies {applications} subschemas to one value; the limit is {limit}",
        display_pointer(pointer)
    )]
    TooCostly {
        /// JSON pointer to the subschema.
        pointer: String,
        /// Number of subschemas, counted up to a little more than the limit.
        applications: u64,
        /// Limit of subschemas.
        limit: u64,
    },
    /// Subschemas are nested too deep, references followed.
    #[error(
        "{}: subschemas are nested more than {limit} levels deep, references included",
        display_pointer(pointer)
    )]
    TooDeep {
        /// JSON pointer to the subschema.
        pointer: String,
        /// Limit in levels.
        limit: usize,
    },
    /// Long names are repeated in the JSON pointers to many subschemas.
    #[error(
        "the JSON pointers to all subschemas together have {bytes} bytes; the limit is {limit}: shorten the names of properties"
    )]
    LongNames {
        /// Length of the pointers in bytes.
        bytes: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// Patterns compile to automata that are too large.
    #[error("{}: {message}", display_pointer(pointer))]
    Pattern {
        /// JSON pointer to the pattern, or to the subschema of a pattern in `patternProperties`.
        pointer: String,
        /// The size and its limit.
        message: String,
    },
    /// A default is not allowed by its own subschema, or cannot be applied.
    #[error("{}/default: {message}", pointer)]
    Default {
        /// JSON pointer to the subschema with the default.
        pointer: String,
        /// Violation of the subschema, or the limit that is exceeded.
        message: String,
    },
    /// The document is not a valid schema.
    #[error("{}: {message}", display_pointer(pointer))]
    Invalid {
        /// JSON pointer to the invalid part of the schema.
        pointer: String,
        /// Message of the compiler.
        message: String,
    },
}

/// Returns a JSON pointer as it is displayed: `(root)` for the empty one.
pub(crate) fn display_pointer(pointer: &str) -> &str {
    if pointer.is_empty() { "(root)" } else { pointer }
}
