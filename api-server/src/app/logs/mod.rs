//! The logs of runs: the lines that their steps have written.

mod append;
mod filter;
mod position;
mod read;

pub use append::append;
pub use filter::{Filter, PositionedLine};
pub use position::LogPosition;
pub use read::{LogLines, PageLimit, has_lines_of_pod, read};
