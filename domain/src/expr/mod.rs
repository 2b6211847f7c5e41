//! CEL expressions over the data of a run.
//!
//! Expressions are written by tenants and evaluated inside our processes, so their cost is bounded twice:
//! when an expression is parsed (length, depth, nested loops, a closed list of functions) and when it is
//! evaluated (iterations, size of intermediate and final values, an interrupt).
//!
//! A later module may import an earlier one, in this order: `limits`, `errors`, `context`, `text`, `budget`,
//! `numbers`, `metered`, `functions`, `references`, `static_cost`, `meter`, `json`, `program`, `parse_budget`,
//! `evaluate`.

mod budget;
mod context;
mod errors;
mod evaluate;
mod function_docs;
mod functions;
mod json;
mod limits;
mod meter;
mod metered;
mod numbers;
mod parse_budget;
mod program;
mod references;
mod static_cost;
mod text;

pub(crate) use budget::Budget;
pub use context::Context;
pub use errors::{EvaluateError, ParseError};
pub use function_docs::FUNCTIONS;
pub use limits::{MAX_BYTES, MAX_COST, MAX_DEPTH, MAX_LOOP_NESTING};
pub use parse_budget::MAX_NODES;
pub(crate) use parse_budget::ParseBudget;
pub use program::Program;
pub use references::{FieldUsage, References, Segment};

#[cfg(test)]
mod tests;
