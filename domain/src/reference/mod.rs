//! Reference of all codes and limits that users encounter, each with a sentence; `docs/reference/` is
//! generated from it.
//!
//! Codes are stable: clients branch on them. Codes of problems are found before any run and appear in
//! `status.problems` of a Workflow; codes of errors appear in `status.error` of a run and in its steps.

mod errors;
mod limits;
mod problems;

pub use errors::ERRORS;
pub use limits::{LIMITS, Limit};
pub use problems::PROBLEMS;

#[cfg(test)]
mod tests;
