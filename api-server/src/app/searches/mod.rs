//! Searches in the knowledge base: candidates by the meaning and by the words of a query are read from Postgres, with the rights of the
//! principal, and then ranked.

mod check;
mod execute;
mod fusion;
mod query_kind;
mod searcher;

pub use execute::{Degradation, Explanation, Found, Hit, search};
pub use fusion::{Rank, Weights};
pub use query_kind::QueryKind;
pub use searcher::Searcher;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Search in the knowledge base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What is searched for.
    pub query: String,
    /// How it is searched for.
    pub mode: Mode,
    /// Maximum number of hits.
    pub limit: usize,
    /// Hits that are returned of a document.
    pub grouping: Grouping,
    /// IDs of the documents to search in; all if empty.
    pub documents: Vec<Uuid>,
    /// Tags of which a document must have one; any if empty.
    pub tags: Vec<String>,
    /// Media types of which a document must have one; any if empty.
    pub mime_types: Vec<String>,
}

/// How a query is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// By meaning and by words.
    #[default]
    Hybrid,
    /// By meaning, with the vectors of an embedding model.
    Dense,
    /// By words, with BM25.
    Keyword,
}

/// Hits that are returned of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// All of them.
    #[default]
    Chunks,
    /// The best one.
    Documents,
}
