//! Errors of expressions: when they are parsed and when they are evaluated.

/// Reason why a text is not an acceptable expression. It is found before any run, and becomes a problem of
/// the workflow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The expression is longer than [`super::MAX_BYTES`].
    #[error("the expression has {bytes} bytes; the limit is {limit}")]
    TooLong {
        /// Length in bytes.
        bytes: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// The text is not CEL.
    #[error("invalid expression: {message}")]
    Syntax {
        /// Message of the parser, with the column (from 1).
        message: String,
    },
    /// Operators and calls are nested deeper than [`super::MAX_DEPTH`].
    #[error("the expression is nested {depth} levels deep; the limit is {limit}")]
    TooDeep {
        /// Depth in levels.
        depth: usize,
        /// Limit in levels.
        limit: usize,
    },
    /// Loops are nested deeper than [`super::MAX_LOOP_NESTING`].
    #[error("the loops (map, filter, all, exists) are nested {nesting} levels deep; the limit is {limit}")]
    TooNested {
        /// Number of loops within each other.
        nesting: usize,
        /// Limit of loops within each other.
        limit: usize,
    },
    /// A function that is not in the closed list is called.
    #[error("unknown function `{name}`")]
    UnknownFunction {
        /// Name as written, with its namespace.
        name: String,
    },
    /// The expressions of the workflow together have more than [`super::MAX_NODES`] nodes.
    #[error(
        "the expressions of the workflow together have more than {limit} operators, names and literals: compute in a python step, or move steps to a sub-workflow"
    )]
    TooMany {
        /// Limit of nodes.
        limit: usize,
    },
    /// A pattern of `matches()` is not a regular expression, or is too large.
    #[error("matches: {message}")]
    Pattern {
        /// Message of the parser, or the size and its limit.
        message: String,
    },
    /// `steps` is used other than as `steps.<name>.<field>`, so the steps that it reads cannot be determined.
    #[error("the step must be named literally: write `steps.<name>.<field>` or `steps[\"<name>\"].<field>`")]
    DynamicSteps,
}

impl ParseError {
    /// Returns the stable code of this problem in `status.problems`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "ExpressionTooLong",
            Self::Syntax { .. } => "ExpressionSyntax",
            Self::TooDeep { .. } | Self::TooNested { .. } => "ExpressionTooComplex",
            Self::UnknownFunction { .. } => "UnknownFunction",
            Self::TooMany { .. } => "ExpressionsTooLarge",
            Self::Pattern { .. } => "PatternInvalid",
            Self::DynamicSteps => "DynamicSteps",
        }
    }
}

/// Reason why a valid expression has no value on the data of this run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// CEL reports a type error, a missing key, a division by zero, …
    #[error("failed to evaluate `{source_text}`: {message}")]
    Failed {
        /// The expression.
        source_text: String,
        /// Message of CEL.
        message: String,
    },
    /// The evaluation costs more than allowed, or the caller interrupted it.
    #[error(
        "failed to evaluate `{source_text}`: it costs more than {limit} units, or was interrupted: loop over fewer elements, or match and copy less text"
    )]
    Exhausted {
        /// The expression.
        source_text: String,
        /// Limit in units.
        limit: u64,
    },
    /// The value, as JSON, is larger than allowed.
    #[error(
        "failed to evaluate `{source_text}`: its value, with the values evaluated before it, exceeds {limit} bytes"
    )]
    TooLarge {
        /// The expression.
        source_text: String,
        /// Limit in bytes.
        limit: usize,
    },
    /// The value has no JSON representation (NaN, a type, a function).
    #[error("failed to convert the value of `{source_text}` to JSON: {message}")]
    NotJson {
        /// The expression.
        source_text: String,
        /// Part of the value that cannot be converted.
        message: String,
    },
    /// A condition evaluated to something other than true or false.
    #[error("failed to evaluate `{source_text}`: a condition must be true or false, not {got}")]
    NotBool {
        /// The expression.
        source_text: String,
        /// JSON type of the value.
        got: &'static str,
    },
}

impl EvaluateError {
    /// Returns the stable code of this failure in `error.code` of a step or run.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed { .. } | Self::NotJson { .. } | Self::NotBool { .. } => "EXPRESSION_FAILED",
            Self::Exhausted { .. } => "EXPRESSION_TOO_COSTLY",
            Self::TooLarge { .. } => "EXPRESSION_TOO_LARGE",
        }
    }
}
