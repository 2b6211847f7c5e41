//! Vectors of texts.

use embedder::{Embedder, Purpose};

use super::{KnowledgeBase, Vectors};

/// Texts that have no vectors of the embedding model.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The model has failed, or refuses the texts.
    #[error("failed to embed texts")]
    Failed(#[from] embedder::Error),
    /// The model is not that of the collection.
    #[error(
        "failed to use embedding model {model}: its vectors have {configured} dimensions, and collection {collection} has {required}; correct SMBCOPILOT_EMBEDDINGS_MODEL and SMBCOPILOT_EMBEDDINGS_DIMENSIONS"
    )]
    OtherModel {
        /// Name of the model.
        model: String,
        /// Number of dimensions of its vectors.
        configured: usize,
        /// Name of the collection.
        collection: String,
        /// Number of dimensions of the vectors in the collection.
        required: u64,
    },
}

impl EmbedError {
    /// Returns whether the texts are the cause, so that a repetition is refused, too.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        matches!(self, Self::Failed(error) if error.is_rejection())
    }
}

impl Vectors {
    /// Returns whether an embedding model is configured.
    #[must_use]
    pub fn has_embedder(&self) -> bool {
        self.embedder.is_some()
    }

    /// Returns the vectors of texts, in their order; `None` if no embedding model is configured.
    ///
    /// # Errors
    /// Returns an error if the model fails, refuses the texts, or is not that of the collection.
    pub async fn embed(
        &self,
        base: &KnowledgeBase,
        purpose: Purpose,
        texts: &[&str],
    ) -> Result<Option<Vec<Vec<f32>>>, EmbedError> {
        let Some(embedder) = &self.embedder else { return Ok(None) };
        check(embedder.as_ref(), base)?;
        Ok(Some(embedder.embed(purpose, texts).await?))
    }
}

fn check(embedder: &dyn Embedder, base: &KnowledgeBase) -> Result<(), EmbedError> {
    let (configured, required) = (embedder.dimensions(), base.dimensions());
    if u64::try_from(configured) == Ok(required) {
        return Ok(());
    }
    let (model, collection) = (embedder.model().to_owned(), base.collection().to_owned());
    Err(EmbedError::OtherModel { model, configured, collection, required })
}
