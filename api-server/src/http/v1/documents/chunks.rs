//! `GET /v1/documents/{id}/chunks`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::{
        self, App,
        documents::{ChunkPage, ChunkPaging},
        page::Direction,
    },
    http::{
        authorize::Member,
        extract::{Id, Query},
        list::Limit,
    },
    problem::Problem,
    store::documents::chunks,
};

/// Selection of a page of chunks.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Maximum number of chunks on the page, 1 to 100. Default: 50.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Option<Limit>,
    /// Ordinal after which the page begins: the `nextCursor` of the previous page. Default: the beginning of the document.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4294967295_i64)]
    after: Option<u32>,
}

/// Chunk: a passage of the text of a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SemanticChunk {
    /// ID of the chunk. Another content of the document has other chunks.
    id: Uuid,
    /// ID of the document.
    document_id: Uuid,
    /// Position in the document, starting at 0.
    ordinal: i32,
    /// Text: the characters from `start` to `end` of the text of the document.
    #[schema(example = "Employees have 28 days of holiday.")]
    text: String,
    /// Position of the first character in the text of the document, in Unicode characters.
    start: i64,
    /// Position after the last character.
    end: i64,
    /// Number of tokens of the text.
    tokens: i32,
    /// Number of the page on which the chunk begins, starting at 1. Null if the document has no pages.
    #[schema(required = true)]
    first_page: Option<i32>,
    /// Number of the page on which the chunk ends.
    #[schema(required = true)]
    last_page: Option<i32>,
    /// Headings above the chunk, from the outermost one.
    #[schema(example = json!(["Handbook", "Holidays"]))]
    headings: Vec<String>,
}

/// Page of the chunks of a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ChunkList {
    /// Chunks in the order of the document.
    data: Vec<SemanticChunk>,
    /// Position of the page.
    page: ChunkPageInfo,
}

/// Position of a page of chunks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ChunkPageInfo {
    /// Value of `after` for the next page. Null on the last page.
    #[schema(required = true)]
    next_cursor: Option<i32>,
    /// Whether more chunks follow.
    has_more: bool,
    /// Maximum number of chunks on the page.
    limit: usize,
}

/// List the chunks of a document
///
/// Returns a page of the chunks into which the content of a document was divided, in their order. A document that is being read for the
/// first time has none.
///
/// Requires the permission `chunk.read`. Fails with 404 `not_found` if the tenant has no such document.
#[utoipa::path(
    get, path = "/v1/documents/{id}/chunks", tag = "documents",
    params(("id" = Uuid, Path, description = "ID of the document"), Parameters),
    responses((status = OK, description = "Page of chunks", body = ChunkList))
)]
pub(in crate::http) async fn list_chunks(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    Query(Parameters { limit, after }): Query<Parameters>,
) -> Result<Json<ChunkList>, Problem> {
    let limit = limit.map(Limit::get).unwrap_or_default();
    // No document has a chunk with a larger ordinal.
    let cursor = after.map(|after| i32::try_from(after).unwrap_or(i32::MAX));
    let paging = ChunkPaging { cursor, direction: Direction::Forward, limit };
    let ChunkPage { chunks, has_more } = app::documents::chunks(&app, tenant.scope, id, paging).await?;
    let next_cursor = chunks.last().filter(|_| has_more).map(|chunk| chunk.ordinal);
    let data = chunks.into_iter().map(|chunk| SemanticChunk::new(id, chunk)).collect();
    Ok(Json(ChunkList { data, page: ChunkPageInfo { next_cursor, has_more, limit: limit.get() } }))
}

impl SemanticChunk {
    fn new(document_id: Uuid, chunk: chunks::Chunk) -> Self {
        let chunks::Chunk { id, ordinal, text, starts_at, ends_at, tokens, first_page, last_page, headings } =
            chunk;
        Self {
            id,
            document_id,
            ordinal,
            text,
            start: starts_at,
            end: ends_at,
            tokens,
            first_page,
            last_page,
            headings,
        }
    }
}
