//! `POST /v1/searches`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::hit::SearchHit;
use crate::{
    app::{
        self, App,
        enum_names::serde_name,
        searches::{Explanation, Found, Grouping, Mode, Search},
    },
    http::{
        authorize::Member,
        extract::{Json, enum_name},
    },
    problem::Problem,
};

/// Number of hits of a search that names none.
const DEFAULT_LIMIT: u8 = 10;

/// Search in the knowledge base.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"query": "How many days of holiday do I have?", "tags": ["handbook"]}))]
pub(in crate::http) struct CreateSearch {
    /// Question, words or identifier; 1 to 2,000 characters.
    #[schema(example = "How many days of holiday do I have?", min_length = 1, max_length = 2000)]
    query: String,
    /// How the query is searched for. `HYBRID`: by meaning and by words. `DENSE`: by meaning. `KEYWORD`: by words. Default: `HYBRID`.
    #[schema(value_type = String, example = "HYBRID")]
    #[serde(default, deserialize_with = "enum_name")]
    mode: Mode,
    /// Maximum number of hits, 1 to 50. Default: 10.
    #[schema(minimum = 1, maximum = 50)]
    limit: Option<u8>,
    /// IDs of the documents to search in, at most 100. Default: all documents.
    #[serde(default)]
    #[schema(max_items = 100)]
    document_ids: Vec<Uuid>,
    /// Tags of which a document must have one, at most 100. Default: any.
    #[serde(default)]
    #[schema(max_items = 100, example = json!(["handbook"]))]
    tags: Vec<String>,
    /// Media types of which a document must have one, at most 100. Default: any.
    #[serde(default)]
    #[schema(max_items = 100, example = json!(["application/pdf"]))]
    mime_types: Vec<String>,
    /// Whether the best hit of each document is returned only. Default: false.
    #[serde(default)]
    group_by_document: bool,
    /// Whether the response explains how the hits were ranked. Default: false.
    #[serde(default)]
    explain: bool,
}

/// Result of a search.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SearchResult {
    /// Hits, the best one first.
    data: Vec<SearchHit>,
    /// How the query was searched for: `HYBRID`, `DENSE` or `KEYWORD`.
    #[schema(example = "HYBRID")]
    mode: String,
    /// Whether the query was searched for by its words only, although more was requested.
    degraded: bool,
    /// Reason for it: `NO_EMBEDDER` (no embedding model is configured), `EMBEDDER_UNAVAILABLE` (the model does not answer) or
    /// `EMBEDDER_MISMATCH` (another model is configured than the tenant has). Null if the search is not degraded.
    #[schema(required = true)]
    degraded_reason: Option<String>,
    /// How the hits were ranked. Null unless it was requested.
    #[schema(required = true)]
    explanation: Option<SearchExplanation>,
}

/// How hits were ranked: the score of a hit is the sum over both rankings of `weight / (rankConstant + rank - 1)`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SearchExplanation {
    /// Kind of the query: `QUESTION`, for which meaning counts for more, or `IDENTIFIER`, for which words do.
    #[schema(example = "QUESTION")]
    query_kind: String,
    /// Constant that is added to each rank.
    rank_constant: u32,
    /// Weight of the ranking by meaning.
    dense_weight: f64,
    /// Weight of the ranking by words.
    keyword_weight: f64,
    /// Number of chunks in the ranking by meaning, at most 50.
    dense_candidates: usize,
    /// Number of chunks in the ranking by words, at most 50.
    keyword_candidates: usize,
}

/// Search the knowledge base
///
/// Returns the chunks of documents that fit a query best, each with its position in the text of its document. A hybrid search ranks chunks
/// by meaning and by words, and combines both rankings. Documents that are not `READY` are not searched. While the embedding model does not
/// answer, the query is searched for by its words only, and `degraded` is true.
///
/// Requires the permissions `search.query`, `document.read` and `chunk.read`; documents that the caller may not read, or whose chunks the
/// caller may not read, are not searched. Fails with 422 `invalid`, 501 `no_vector_database`, or 503 `unavailable`.
#[utoipa::path(
    post, path = "/v1/searches", tag = "documents", request_body = CreateSearch,
    responses((status = OK, description = "Hits", body = SearchResult))
)]
pub(in crate::http) async fn create_search(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Json(body): Json<CreateSearch>,
) -> Result<axum::Json<SearchResult>, Problem> {
    let CreateSearch { query, mode, limit, document_ids, tags, mime_types, group_by_document, explain } =
        body;
    let search = Search {
        query,
        mode,
        limit: limit.unwrap_or(DEFAULT_LIMIT).into(),
        grouping: if group_by_document { Grouping::Documents } else { Grouping::Chunks },
        documents: document_ids,
        tags,
        mime_types,
    };
    let found = app::searches::search(&app, tenant.scope, principal.permissions, search).await?;
    let Found { hits, mode, degradation, explanation } = found;
    Ok(axum::Json(SearchResult {
        data: hits.into_iter().map(SearchHit::new).collect(),
        mode: serde_name(&mode),
        degraded: degradation.is_some(),
        degraded_reason: degradation.map(|reason| serde_name(&reason)),
        explanation: explain.then(|| SearchExplanation::new(explanation)),
    }))
}

impl SearchExplanation {
    fn new(explanation: Explanation) -> Self {
        let Explanation { kind, rank_constant, weights, dense, keyword } = explanation;
        Self {
            query_kind: serde_name(&kind),
            rank_constant,
            dense_weight: weights.dense,
            keyword_weight: weights.keyword,
            dense_candidates: dense,
            keyword_candidates: keyword,
        }
    }
}
