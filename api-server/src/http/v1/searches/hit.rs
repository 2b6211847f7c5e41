//! Hits of a search.

use std::ops::Range;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::searches::{Hit, Rank},
    store::documents::{chunks::Chunk, hits::StoredHit},
};

/// Chunk that a search has found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SearchHit {
    /// ID of the chunk.
    chunk_id: Uuid,
    /// ID of the document.
    document_id: Uuid,
    /// Number of the content of the document, starting at 1.
    content_version: i32,
    /// Position of the chunk in the document, starting at 0.
    ordinal: i32,
    /// Score by which the hits are sorted. It is comparable with those of the same response only.
    score: f64,
    /// Position in the ranking by meaning. Null if the chunk is not in it.
    #[schema(required = true)]
    dense: Option<SearchRank>,
    /// Position in the ranking by words. Null if the chunk is not in it.
    #[schema(required = true)]
    keyword: Option<SearchRank>,
    /// Text: the characters from `start` to `end` of the text of the document.
    #[schema(example = "Employees have 28 days of holiday.")]
    text: String,
    /// Words of `text` that the query has, too, in any form.
    highlights: Vec<Highlight>,
    /// Position of the first character in the text of the document, in Unicode characters.
    start: i64,
    /// Position after the last character.
    end: i64,
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

/// Position in a ranking.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SearchRank {
    /// Rank, starting at 1.
    rank: u32,
    /// Cosine of the vectors of query and chunk, or score of BM25.
    score: f32,
}

/// Word of a text.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Highlight {
    /// Position of the first character in the text of the hit, in Unicode characters.
    start: usize,
    /// Position after the last character.
    end: usize,
}

impl SearchHit {
    pub(super) fn new(hit: Hit) -> Self {
        let Hit { stored, score, dense, keyword, highlights } = hit;
        let StoredHit { document_id, content_version, chunk } = stored;
        let Chunk { id, ordinal, text, starts_at, ends_at, tokens: _, first_page, last_page, headings } =
            chunk;
        Self {
            chunk_id: id,
            document_id,
            content_version,
            ordinal,
            score,
            dense: dense.map(SearchRank::new),
            keyword: keyword.map(SearchRank::new),
            text,
            highlights: highlights.into_iter().map(|Range { start, end }| Highlight { start, end }).collect(),
            start: starts_at,
            end: ends_at,
            first_page,
            last_page,
            headings,
        }
    }
}

impl SearchRank {
    fn new(Rank { rank, score }: Rank) -> Self {
        Self { rank, score }
    }
}
