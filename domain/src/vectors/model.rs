//! The embedding models.

/// Embedding model of a plan that names none.
pub const DEFAULT_MODEL: &str = "minilm";

/// An embedding model, by what a collection for its vectors depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name of the model in plans.
    pub name: &'static str,
    /// Number of dimensions of its vectors, which are compared by their cosine.
    pub dimensions: u64,
    /// Number of the generation of its collections. It increases when vectors of the same model are computed differently.
    pub generation: u32,
}

/// All models. `minilm` is all-MiniLM-L6-v2.
const MODELS: [Model; 1] = [Model { name: "minilm", dimensions: 384, generation: 1 }];

/// Returns the model of a name.
#[must_use]
pub fn model(name: &str) -> Option<Model> {
    MODELS.into_iter().find(|model| model.name == name)
}

/// Returns the names of all models, for messages.
#[must_use]
pub fn model_names() -> Vec<&'static str> {
    MODELS.iter().map(|model| model.name).collect()
}
