//! Every code and every limit that a user meets, with a sentence each: what `docs/reference/` is made of.
//!
//! Codes are stable: clients decide by them. Those of problems are found before any run, in a Workflow's
//! `status.problems`; those of errors in a run's `status.error` and its steps.

mod errors;
mod limits;
mod problems;

pub use errors::ERRORS;
pub use limits::{LIMITS, Limit};
pub use problems::PROBLEMS;

#[cfg(test)]
mod tests;
