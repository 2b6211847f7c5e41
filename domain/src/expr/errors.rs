//! What can be wrong with an expression, when it is read and when it is evaluated.

/// Why a text is not an acceptable expression. Found before any run: each becomes a problem of the workflow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than [`super::MAX_BYTES`].
    #[error("the expression has {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// Length in bytes.
        bytes: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// Not CEL.
    #[error("not a valid expression: {message}")]
    Syntax {
        /// What the parser expected, with the column (from 1).
        message: String,
    },
    /// Operators and calls nested deeper than [`super::MAX_DEPTH`].
    #[error("the expression is nested {depth} levels deep; at most {limit} are allowed")]
    TooDeep {
        /// Levels found.
        depth: usize,
        /// The bound in levels.
        limit: usize,
    },
    /// Loops within loops beyond [`super::MAX_NESTING`].
    #[error("map, filter, all and exists are nested {nesting} deep; at most {limit} are allowed")]
    TooNested {
        /// Loops within each other.
        nesting: usize,
        /// The bound.
        limit: usize,
    },
    /// A function that is not in the closed list.
    #[error("there is no function `{name}`")]
    UnknownFunction {
        /// As written, with its namespace.
        name: String,
    },
    /// `steps` used other than as `steps.<name>.<field>`, so that it cannot be told which steps are read.
    #[error(
        "write `steps.<name>.<field>` or `steps[\"<name>\"].<field>`: which step is read must be plain to see"
    )]
    DynamicSteps,
}

impl ParseError {
    /// The stable code of this problem in `status.problems`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "ExpressionTooLong",
            Self::Syntax { .. } => "ExpressionSyntax",
            Self::TooDeep { .. } | Self::TooNested { .. } => "ExpressionTooComplex",
            Self::UnknownFunction { .. } => "UnknownFunction",
            Self::DynamicSteps => "DynamicSteps",
        }
    }
}

/// Why a valid expression gave no value on the data of this run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A type error, a missing key, a division by zero, …
    #[error("failed to evaluate `{source_text}`: {message}")]
    Failed {
        /// The expression.
        source_text: String,
        /// What CEL says.
        message: String,
    },
    /// More iterations than allowed, or interrupted by the caller.
    #[error("failed to evaluate `{source_text}`: it took more than {limit} steps, or too long")]
    Exhausted {
        /// The expression.
        source_text: String,
        /// The bound in iterations and values copied.
        limit: u64,
    },
    /// The value, as JSON, is larger than allowed.
    #[error(
        "failed to evaluate `{source_text}`: its value, with those before it, has more than {limit} bytes"
    )]
    TooLarge {
        /// The expression.
        source_text: String,
        /// The bound in bytes.
        limit: usize,
    },
    /// The value has no form in JSON (NaN, a type, a function).
    #[error("failed to turn the value of `{source_text}` into JSON: {message}")]
    NotJson {
        /// The expression.
        source_text: String,
        /// Which part of it.
        message: String,
    },
    /// A condition gave something other than true or false.
    #[error("failed to decide `{source_text}`: it must give true or false, not {got}")]
    NotBool {
        /// The expression.
        source_text: String,
        /// The JSON type that it gave.
        got: &'static str,
    },
}

impl EvaluateError {
    /// The stable code of this failure in a step's or run's `error.code`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed { .. } | Self::NotJson { .. } | Self::NotBool { .. } => "EXPRESSION_FAILED",
            Self::Exhausted { .. } => "EXPRESSION_TOO_COSTLY",
            Self::TooLarge { .. } => "EXPRESSION_TOO_LARGE",
        }
    }
}
