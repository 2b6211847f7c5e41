//! CEL expressions over the data of a run.
//!
//! Expressions are written by tenants and evaluated inside our processes, so their cost is bounded twice:
//! when an expression is parsed (length, depth, nested loops, a closed list of functions) and when it is
//! evaluated (iterations, size of intermediate and final values, an interrupt).
//!
//! A later module may import an earlier one, in this order: `limits`, `errors`, `context`, `budget`,
//! `functions`, `references`, `meter`, `json`, `program`, `evaluate`.

mod budget;
mod context;
mod errors;
mod evaluate;
mod function_docs;
mod functions;
mod json;
mod limits;
mod meter;
mod program;
mod references;

pub(crate) use budget::Budget;
pub use context::Context;
pub use errors::{EvaluateError, ParseError};
pub use function_docs::FUNCTIONS;
pub use limits::{MAX_BYTES, MAX_DEPTH, MAX_LOOP_NESTING};
pub use program::Program;
pub use references::{FieldUsage, References, Segment};

#[cfg(test)]
mod tests;
