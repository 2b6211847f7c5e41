//! Logs of runs, in chunks.

mod add;
mod read;

pub use add::{Addition, OpenLog, add, bytes_without, open};
pub use read::{Chunk, chunks, has_lines_from_pod};
