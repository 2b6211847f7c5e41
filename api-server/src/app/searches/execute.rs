//! Executing a search.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use domain::permission::Permissions;
use embedder::{Purpose, bm25};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Grouping, Mode, QueryKind, Rank, Search, Searcher, Weights,
    check::check,
    fusion::{Fused, RANK_CONSTANT, fuse},
};
use crate::{
    app::{App, Error},
    auth::TenantScope,
    store::{
        TenantTx,
        documents::{
            chunks,
            hits::{self, Filter, StoredHit},
        },
        tenants,
    },
    vectors::{
        Candidate, Candidates, EmbedError, KnowledgeBase, LANGUAGE, PointFilter, QueryVectors, Vectors,
    },
};

/// Number of candidates of each ranking: enough for the best hits of both to be among them.
const CANDIDATES: u64 = 50;

/// Result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Hits, the best one first.
    pub hits: Vec<Hit>,
    /// How the query was searched for.
    pub mode: Mode,
    /// Why it was not searched for as requested; `None` if it was.
    pub degradation: Option<Degradation>,
    /// How the hits were ranked.
    pub explanation: Explanation,
}

/// Reason for which a search was by words only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Degradation {
    /// No embedding model is configured.
    NoEmbedder,
    /// The embedding model does not answer, or refuses the query.
    EmbedderUnavailable,
    /// The embedding model that is configured is not that of the tenant.
    EmbedderMismatch,
}

/// How hits were ranked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explanation {
    /// Kind of the query.
    pub kind: QueryKind,
    /// Constant that is added to each rank.
    pub rank_constant: u32,
    /// Weights of the rankings.
    pub weights: Weights,
    /// Number of chunks in the ranking by meaning.
    pub dense: usize,
    /// Number of chunks in the ranking by words.
    pub keyword: usize,
}

/// Chunk that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Chunk with its document.
    pub stored: StoredHit,
    /// Score, comparable with those of the same response only.
    pub score: f64,
    /// Rank by meaning.
    pub dense: Option<Rank>,
    /// Rank by words.
    pub keyword: Option<Rank>,
    /// Words of the text that the query has, too: positions of characters in the text of the chunk.
    pub highlights: Vec<Range<usize>>,
}

/// Searches the knowledge base of the tenant. `own` are the permissions of the caller, who finds the chunks that they can read.
///
/// # Errors
/// Returns an error if the search is not valid, if the caller cannot read chunks, if there is no vector database or no collection for the
/// tenant, or if one of the databases fails.
pub async fn search(app: &App, scope: TenantScope, own: Permissions, search: Search) -> Result<Found, Error> {
    if let Some(permission) = chunks::READ.into_iter().find(|permission| !own.allows(*permission)) {
        return Err(Error::PermissionRequired { permission });
    }
    check(&search)?;
    let searcher = app.searcher.as_ref().ok_or(Error::NoVectorDatabase)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let base = tenants::knowledge_base(&mut tx).await?.ok_or(Error::NoKnowledgeBase)?;
    let readable_tags = hits::readable_tags(&tx);
    // The model and Qdrant are waited for without a connection to the database.
    drop(tx);
    let (mode, dense, degradation) = embed_query(&searcher.vectors, &base, &search).await?;
    let sparse = (mode != Mode::Dense).then(|| bm25::query(&search.query, LANGUAGE));
    let filter = filter(&base, &search, &readable_tags);
    let vectors = QueryVectors { dense, sparse };
    let candidates = match filter {
        Some(filter) => searcher.vectors.query(&filter, vectors, CANDIDATES).await?,
        None => Candidates::default(),
    };
    let (candidates, stored) = hydrate(app, scope, searcher, &search, candidates).await?;
    let kind = QueryKind::from_query(&search.query);
    let weights = Weights::for_query(mode, kind);
    let (dense, keyword) = (candidates.dense.len(), candidates.sparse.len());
    let hits = select(&search, fuse(&candidates, weights), stored);
    let explanation = Explanation { kind, rank_constant: RANK_CONSTANT, weights, dense, keyword };
    Ok(Found { hits, mode, degradation, explanation })
}

/// Returns how the query is searched for, and its vector of the embedding model. Without the model, it is searched for by its words.
async fn embed_query(
    vectors: &Vectors,
    base: &KnowledgeBase,
    search: &Search,
) -> Result<(Mode, Option<Vec<f32>>, Option<Degradation>), Error> {
    if search.mode == Mode::Keyword {
        return Ok((Mode::Keyword, None, None));
    }
    let degradation = match vectors.embed(base, Purpose::Query, &[&search.query]).await {
        Ok(Some(mut embedded)) => return Ok((search.mode, embedded.pop(), None)),
        Ok(None) => Degradation::NoEmbedder,
        Err(error) => {
            let degradation = match error {
                EmbedError::Failed(_) => Degradation::EmbedderUnavailable,
                EmbedError::OtherModel { .. } => Degradation::EmbedderMismatch,
            };
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "a query is searched for by its words only");
            degradation
        }
    };
    Ok((Mode::Keyword, None, Some(degradation)))
}

/// Returns the filter of both rankings; `None` if the caller cannot read any document.
fn filter<'a>(
    base: &'a KnowledgeBase,
    search: &Search,
    readable_tags: &[Vec<String>],
) -> Option<PointFilter<'a>> {
    let filter = base.points().documents(&search.documents).tags(&search.tags).mime_types(&search.mime_types);
    // A filter without tags selects all documents.
    if readable_tags.iter().any(Vec::is_empty) {
        return None;
    }
    Some(readable_tags.iter().fold(filter, |filter, tags| filter.tags(tags)))
}

/// Removes the candidates that the caller cannot read or that do not exist any more, before they are ranked: the ranks of the others say
/// nothing about them.
async fn hydrate(
    app: &App,
    scope: TenantScope,
    searcher: &Searcher,
    search: &Search,
    candidates: Candidates,
) -> Result<(Candidates, HashMap<Uuid, StoredHit>), Error> {
    let Candidates { mut dense, mut sparse } = candidates;
    let ids: HashSet<Uuid> = dense.iter().chain(&sparse).map(|candidate| candidate.chunk).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let filter = Filter { documents: &search.documents, tags: &search.tags, mime_types: &search.mime_types };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let found = hits::by_ids(&mut tx, &ids, filter).await?;
    searcher.count_stale(ids.len().saturating_sub(found.existing));
    let stored: HashMap<Uuid, StoredHit> = found.hits.into_iter().map(|hit| (hit.chunk.id, hit)).collect();
    let is_stored = |candidate: &Candidate| stored.contains_key(&candidate.chunk);
    dense.retain(is_stored);
    sparse.retain(is_stored);
    Ok((Candidates { dense, sparse }, stored))
}

/// Returns the best hits.
fn select(search: &Search, fused: Vec<Fused>, mut stored: HashMap<Uuid, StoredHit>) -> Vec<Hit> {
    let mut documents = HashSet::new();
    let hits = fused.into_iter().filter_map(|Fused { chunk, score, dense, keyword }| {
        Some((stored.remove(&chunk)?, score, dense, keyword))
    });
    let hits = hits.filter(|(stored, ..)| match search.grouping {
        Grouping::Chunks => true,
        Grouping::Documents => documents.insert(stored.document_id),
    });
    let hits = hits.take(search.limit).map(|(stored, score, dense, keyword)| {
        let highlights = bm25::matches(&stored.chunk.text, &search.query, LANGUAGE);
        Hit { stored, score, dense, keyword, highlights }
    });
    hits.collect()
}
