//! The logs of runs: what their steps have written.

mod add;
mod filter;
mod position;
mod read;

pub use add::add;
pub use filter::{Filter, Line};
pub use position::LogPosition;
pub use read::{Lines, read};
