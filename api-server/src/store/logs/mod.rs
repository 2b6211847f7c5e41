//! Logs of runs, in chunks.

mod add;
mod read;

pub use add::{Addition, OpenLog, add, open};
pub use read::{Chunk, chunks, has_lines_from_pod};
