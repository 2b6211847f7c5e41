//! Vector collections: embedding models, the collection that a tenant's vectors belong in, and its comparison with one
//! that exists.

mod collection;
mod compare;
mod model;
#[cfg(test)]
mod tests;

pub use collection::{
    Collection, DENSE_VECTOR, Dense, Hnsw, Owner, SPARSE_VECTOR, StrictMode, TENANT_FIELD, UNLIMITED_POINTS,
    alias_of,
};
pub use compare::{Comparison, Difference, Mismatch, Observed, compare};
pub use model::{DEFAULT_MODEL, Model, model, model_names};
