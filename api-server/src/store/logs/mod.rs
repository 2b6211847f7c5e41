//! The logs of runs, in chunks.

mod add;
mod read;

pub use add::{Addition, Open, add, open};
pub use read::{Chunk, chunks, has_lines_of};
