//! Searching: the nearest points by each kind of vector.

use domain::vectors::{DENSE_VECTOR, SPARSE_VECTOR};
use embedder::bm25::SparseVector;
use qdrant_client::qdrant::{
    IdfParams, PointId, QueryBatchPoints, QueryPoints, SearchParams, VectorInput, point_id::PointIdOptions,
};
use uuid::Uuid;

use super::{Error, Operation, PointFilter, Vectors, client::request};

/// Vectors of a query. A kind of vector that is `None` is not searched by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryVectors {
    /// Vector of the embedding model.
    pub dense: Option<Vec<f32>>,
    /// Vector of BM25.
    pub sparse: Option<SparseVector>,
}

/// Chunk that a search has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// ID of the chunk.
    pub chunk: Uuid,
    /// Cosine, or score of BM25.
    pub score: f32,
}

/// Chunks that a search has found, the best ones first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// By the vector of the embedding model.
    pub dense: Vec<Candidate>,
    /// By the vector of BM25.
    pub sparse: Vec<Candidate>,
}

impl Vectors {
    /// Returns the best points by each kind of vector, at most `limit` of each. Both searches are one request, and have the same filter.
    ///
    /// # Errors
    /// Returns an error if Qdrant is unavailable or refuses the request.
    pub async fn query(
        &self,
        filter: &PointFilter<'_>,
        vectors: QueryVectors,
        limit: u64,
    ) -> Result<Candidates, Error> {
        let QueryVectors { dense, sparse } = vectors;
        // Words that are frequent in all languages leave no stem to search for.
        let sparse = sparse.filter(|sparse| !sparse.indices.is_empty());
        let (has_dense, has_sparse) = (dense.is_some(), sparse.is_some());
        let dense = dense.map(|dense| by_dense(filter, dense, limit));
        let sparse = sparse.map(|sparse| by_sparse(filter, sparse, limit));
        let queries: Vec<_> = dense.into_iter().chain(sparse).collect();
        if queries.is_empty() {
            return Ok(Candidates::default());
        }
        let base = filter.base();
        let batch = QueryBatchPoints {
            collection_name: base.collection().to_owned(),
            query_points: queries,
            ..QueryBatchPoints::default()
        };
        let answer = request(Operation::Search, base, self.client.query_batch(batch)).await?;
        let mut results = answer.result.into_iter().map(|batch| {
            let points = batch.result.into_iter();
            points
                .filter_map(|point| Some(Candidate { chunk: chunk(point.id?)?, score: point.score }))
                .collect()
        });
        let dense = has_dense.then(|| results.next()).flatten().unwrap_or_default();
        let sparse = has_sparse.then(|| results.next()).flatten().unwrap_or_default();
        Ok(Candidates { dense, sparse })
    }
}

fn by_dense(filter: &PointFilter<'_>, vector: Vec<f32>, limit: u64) -> QueryPoints {
    QueryPoints {
        query: Some(VectorInput::from(vector).into()),
        using: Some(DENSE_VECTOR.to_owned()),
        ..nearest(filter, limit)
    }
}

/// Returns the search by words. How rare a word is depends on the points of the tenant alone: otherwise the order of the results would
/// say something about the documents of others.
fn by_sparse(filter: &PointFilter<'_>, vector: SparseVector, limit: u64) -> QueryPoints {
    let base = filter.base();
    let entries: Vec<(u32, f32)> = vector.indices.into_iter().zip(vector.values).collect();
    let idf = base.is_shared().then(|| IdfParams { corpus: Some(base.points().to_qdrant()) });
    QueryPoints {
        query: Some(VectorInput::from(entries.as_slice()).into()),
        using: Some(SPARSE_VECTOR.to_owned()),
        params: Some(SearchParams { idf, ..SearchParams::default() }),
        ..nearest(filter, limit)
    }
}

fn nearest(filter: &PointFilter<'_>, limit: u64) -> QueryPoints {
    QueryPoints {
        collection_name: filter.base().collection().to_owned(),
        filter: Some(filter.to_qdrant()),
        limit: Some(limit),
        with_payload: Some(false.into()),
        ..QueryPoints::default()
    }
}

fn chunk(id: PointId) -> Option<Uuid> {
    match id.point_id_options? {
        PointIdOptions::Uuid(id) => id.parse().ok(),
        PointIdOptions::Num(_) => None,
    }
}
