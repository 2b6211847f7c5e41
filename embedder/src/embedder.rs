//! The interface of embedding models.

use async_trait::async_trait;

use crate::error::Error;

/// What a text is embedded for. Some models expect a prefix that differs between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The text is stored and searched.
    Document,
    /// The text is searched for.
    Query,
}

/// Embedding model.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Returns the name of the model.
    fn model(&self) -> &str;

    /// Returns the number of dimensions of its vectors.
    fn dimensions(&self) -> usize;

    /// Returns the vectors of texts, in their order. Each has [`Self::dimensions`] finite numbers.
    ///
    /// # Errors
    /// Returns an error if one of the texts has no vector; there are no partial results.
    async fn embed(&self, purpose: Purpose, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error>;
}
