//! Comparison of a collection that exists with the one that should.

use super::{Collection, DENSE_VECTOR, Dense, Hnsw, Owner, SPARSE_VECTOR, StrictMode};

/// A collection as it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Owner that its metadata names, if it names one.
    pub owner: Option<Owner>,
    /// The vector [`DENSE_VECTOR`], if there is one.
    pub dense: Option<Dense>,
    /// Whether the vector [`SPARSE_VECTOR`] weighs words by their rarity (IDF); `None` if there is no such vector.
    pub sparse_idf: Option<bool>,
    /// Parameters of the HNSW graph.
    pub hnsw: Hnsw,
    /// Whether the payload field of the tenant has an index for tenants.
    pub has_tenant_index: bool,
    /// Limits, if the strict mode is enabled.
    pub strict_mode: Option<StrictMode>,
}

/// Result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The collection belongs to somebody else. It is neither changed nor used.
    NotOurs(Option<Owner>),
    /// Properties that cannot be changed differ. The collection is not changed.
    Immutable(Vec<Mismatch>),
    /// Properties that can be changed differ; none if the collection is as it should be.
    Mutable(Vec<Difference>),
}

/// An immutable property that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Name of the property.
    pub property: &'static str,
    /// Value that it should have.
    pub desired: String,
    /// Value that it has.
    pub found: String,
}

/// A property that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Parameters of the HNSW graph.
    Hnsw,
    /// The index of the payload field of the tenant.
    TenantIndex,
    /// Limits.
    StrictMode,
}

/// Compares a collection that exists with the one that should.
#[must_use]
pub fn compare(desired: &Collection, observed: &Observed) -> Comparison {
    let Observed { owner, dense, sparse_idf, hnsw, has_tenant_index, strict_mode } = observed;
    if owner.as_ref() != Some(&desired.owner) {
        return Comparison::NotOurs(owner.clone());
    }
    let mismatches = mismatches(desired, dense.as_ref(), *sparse_idf);
    if !mismatches.is_empty() {
        return Comparison::Immutable(mismatches);
    }
    let differs = [
        (Difference::Hnsw, *hnsw != desired.hnsw),
        (Difference::TenantIndex, !has_tenant_index),
        (Difference::StrictMode, desired.strict_mode.is_some() && *strict_mode != desired.strict_mode),
    ];
    Comparison::Mutable(differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect())
}

fn mismatches(desired: &Collection, dense: Option<&Dense>, sparse_idf: Option<bool>) -> Vec<Mismatch> {
    let mut found = Vec::new();
    if dense != Some(&desired.dense) {
        let text = dense.map_or_else(|| "no such vector".to_owned(), describe);
        found.push(Mismatch { property: DENSE_VECTOR, desired: describe(&desired.dense), found: text });
    }
    if sparse_idf != Some(true) {
        let text = if sparse_idf.is_some() { "sparse without IDF" } else { "no such vector" };
        let desired = "sparse with IDF".to_owned();
        found.push(Mismatch { property: SPARSE_VECTOR, desired, found: text.to_owned() });
    }
    found
}

fn describe(dense: &Dense) -> String {
    format!("{} dimensions, {}", dense.dimensions, if dense.cosine { "cosine" } else { "not cosine" })
}
