//! Sparse vectors for BM25, equal to those of `Qdrant/bm25` in Qdrant's client library FastEmbed.
//!
//! A vector has an index for each stem and the frequency of the stem as value, in the way that BM25 weighs it. Qdrant multiplies it with the
//! inverse document frequency (`modifier: idf`).

mod language;
mod matches;
mod tokens;
mod vector;

pub use language::Language;
pub use matches::matches;
pub use vector::{Parameters, SparseVector, document, query};
