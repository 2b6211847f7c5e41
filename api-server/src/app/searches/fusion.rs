//! Fusion of two rankings into one: weighted reciprocal rank fusion. Pure.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Mode, QueryKind};
use crate::vectors::{Candidate, Candidates};

/// Constant that is added to each rank, as in Qdrant. A small one prefers what one of the rankings has at its top.
pub(super) const RANK_CONSTANT: u32 = 2;
/// Weight of the ranking that suits the kind of the query; the other one has the weight 1.
const PREFERENCE: f64 = 2.0;

/// Weights of the rankings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Weight of the ranking by meaning.
    pub dense: f64,
    /// Weight of the ranking by words.
    pub keyword: f64,
}

impl Weights {
    /// Returns the weights for a kind of query.
    #[must_use]
    pub fn for_query(mode: Mode, kind: QueryKind) -> Self {
        match (mode, kind) {
            (Mode::Dense, _) => Self { dense: 1.0, keyword: 0.0 },
            (Mode::Keyword, _) => Self { dense: 0.0, keyword: 1.0 },
            (Mode::Hybrid, QueryKind::Identifier) => Self { dense: 1.0, keyword: PREFERENCE },
            (Mode::Hybrid, QueryKind::Question) => Self { dense: PREFERENCE, keyword: 1.0 },
        }
    }
}

/// Position of a chunk in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    /// Rank, starting at 1.
    pub rank: u32,
    /// Score by which the ranking is sorted.
    pub score: f32,
}

/// Chunk in the fused ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fused {
    pub(super) chunk: Uuid,
    pub(super) score: f64,
    pub(super) dense: Option<Rank>,
    pub(super) keyword: Option<Rank>,
}

/// Returns the chunks of both rankings, best first. Each ranking adds its weight, divided by the constant plus the number of chunks that
/// are ranked higher.
pub(super) fn fuse(candidates: &Candidates, weights: Weights) -> Vec<Fused> {
    let Candidates { dense, sparse } = candidates;
    let (dense, keyword) = (ranks(dense), ranks(sparse));
    let mut chunks: Vec<Uuid> = dense.keys().chain(keyword.keys()).copied().collect();
    // Chunks with the same score have the same order in each response.
    chunks.sort_unstable();
    chunks.dedup();
    let fused = chunks.into_iter().map(|chunk| {
        let (dense, keyword) = (dense.get(&chunk).copied(), keyword.get(&chunk).copied());
        let score = part(dense, weights.dense) + part(keyword, weights.keyword);
        Fused { chunk, score, dense, keyword }
    });
    let mut fused: Vec<_> = fused.collect();
    fused.sort_by(|left, right| right.score.total_cmp(&left.score));
    fused
}

fn ranks(candidates: &[Candidate]) -> HashMap<Uuid, Rank> {
    let ranked = (1..).zip(candidates);
    ranked.map(|(rank, candidate)| (candidate.chunk, Rank { rank, score: candidate.score })).collect()
}

fn part(rank: Option<Rank>, weight: f64) -> f64 {
    rank.map_or(0.0, |Rank { rank, .. }| weight / f64::from(RANK_CONSTANT + rank - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(chunks: &[u128]) -> Vec<Candidate> {
        chunks.iter().map(|chunk| Candidate { chunk: Uuid::from_u128(*chunk), score: 1.0 }).collect()
    }

    fn order(dense: &[u128], sparse: &[u128], mode: Mode, kind: QueryKind) -> Vec<u128> {
        let candidates = Candidates { dense: candidates(dense), sparse: candidates(sparse) };
        let fused = fuse(&candidates, Weights::for_query(mode, kind));
        fused.iter().map(|fused| fused.chunk.as_u128()).collect()
    }

    /// The kind of the query decides which ranking wins, and a chunk that both have is better than one that one of them has.
    #[test]
    fn the_kind_of_a_query_decides_which_ranking_wins() {
        assert_eq!(order(&[1, 3], &[2, 3], Mode::Hybrid, QueryKind::Question), [1, 3, 2]);
        assert_eq!(order(&[1, 3], &[2, 3], Mode::Hybrid, QueryKind::Identifier), [2, 3, 1]);
        assert_eq!(order(&[4], &[], Mode::Hybrid, QueryKind::Identifier), [4]);
    }

    /// Each ranking is reported with the rank that a chunk has in it, and the score is the sum of both parts.
    #[test]
    fn a_chunk_has_its_rank_in_each_ranking() {
        let candidates = Candidates { dense: candidates(&[1, 2]), sparse: candidates(&[2]) };
        let fused = fuse(&candidates, Weights::for_query(Mode::Hybrid, QueryKind::Question));
        let second = fused.iter().find(|fused| fused.chunk == Uuid::from_u128(2)).unwrap();
        assert_eq!(second.dense.map(|rank| rank.rank), Some(2));
        assert_eq!(second.keyword.map(|rank| rank.rank), Some(1));
        assert!((second.score - (2.0 / 3.0 + 1.0 / 2.0)).abs() < 1e-9, "{second:?}");
        let first = fused.iter().find(|fused| fused.chunk == Uuid::from_u128(1)).unwrap();
        assert_eq!((first.keyword, first.score), (None, 1.0));
    }
}
