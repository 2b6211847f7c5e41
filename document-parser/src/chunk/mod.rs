//! Division of a text into chunks: no chunk crosses a heading, has more tokens than permitted, or is empty.

mod blocks;
mod divide;
mod position;
mod token_table;
mod tokens;

pub use self::divide::MIN_MAX_CHUNK_TOKENS;
pub(crate) use self::divide::{Sizes, divide};
pub use self::tokens::Tokens;
