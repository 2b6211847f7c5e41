//! Outputs that are too large for the status of a run. Object storage holds them, and the status refers to them.

mod limit;
mod put;
mod read;

pub use put::{NewOutput, put};
pub use read::read;
