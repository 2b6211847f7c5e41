//! Points of chunks in Qdrant, and the vectors of texts.
//!
//! Postgres has the texts; a point has the vectors of a chunk and what searches filter by. Every request concerns the knowledge base of
//! one tenant: a [`PointFilter`] is the only filter of a request, and [`KnowledgeBase`] the only way to create one.

mod client;
mod count;
mod embed;
mod error;
mod filter;
mod knowledge_base;
mod point;
mod query;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod write;

pub use client::Vectors;
pub use embed::EmbedError;
pub use error::{Error, Failure, Operation};
pub use filter::PointFilter;
pub use knowledge_base::KnowledgeBase;
pub use point::{Attributes, Point};
pub use query::{Candidate, Candidates, QueryVectors};

use embedder::bm25::Language;

/// Language of the stems of all texts and queries. Both must have the same one, and a point does not say which one it has.
pub const LANGUAGE: Language = Language::English;
