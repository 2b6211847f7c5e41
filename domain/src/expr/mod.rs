//! CEL expressions over a run's data.
//!
//! Expressions are tenants' code inside our processes, so their cost is bounded: statically (length, depth,
//! nesting of comprehensions, a closed list of functions) when they are parsed, and dynamically (iterations, size
//! of intermediate and final values, an interrupt) when they are evaluated.

mod budget;
mod context;
mod errors;
mod evaluate;
mod function_docs;
mod functions;
mod json;
mod meter;
mod program;
mod references;

pub(crate) use budget::BudgetScope;
pub use context::Context;
pub use errors::{EvaluateError, ParseError};
pub use function_docs::FUNCTIONS;
pub use program::{MAX_BYTES, MAX_DEPTH, MAX_NESTING, Program};
pub use references::{FieldUsage, References, Segment};

#[cfg(test)]
mod tests;
