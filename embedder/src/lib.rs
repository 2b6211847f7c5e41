//! Vectors of texts: dense ones by an embedding model ([`Embedder`]), sparse ones by BM25 ([`bm25`]).
//!
//! [`openai`] asks any server with the embeddings API of OpenAI. BM25 needs no server.

pub mod bm25;
mod embedder;
mod error;
pub mod openai;

pub use embedder::{Embedder, Purpose};
pub use error::Error;
