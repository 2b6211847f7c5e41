//! Storing the chunks of a content.

use crds::plan::PlanLimits;
use protocol::parsing::{self, Parsed};
use serde::Deserialize as _;
use serde_json::Value;
use uuid::Uuid;

use super::{Error, Worker, execute::lock};
use crate::{
    auth::TenantScope,
    store::{
        TenantTx,
        documents::{
            self, Document, Indexed,
            chunks::{self, Chunk},
            jobs::Job,
            usage,
        },
        plans,
    },
};

/// Maximum size of a chunk in bytes, as in the database and in the parser. Requests read a hundred of them at once.
const MAX_CHUNK_BYTES: usize = 8 << 10;
/// Maximum number of headings of a chunk, and of characters of each: together at most the size of a chunk. The rest is left out.
const MAX_HEADINGS: usize = 10;
const MAX_HEADING_LETTERS: usize = 200;

/// Content of a document, divided into chunks.
pub(super) struct Content {
    pub(super) indexed: Indexed,
    pub(super) chunks: Vec<Chunk>,
}

impl Content {
    /// Returns the chunks of a content.
    ///
    /// # Errors
    /// Returns an error if the chunks are not in order, or not within the text.
    pub(super) fn new(document: Uuid, version: i32, parsed: Parsed) -> Result<Self, Error> {
        let Parsed { mime_type, text, page_count, metadata, chunks } = parsed;
        let chunks = rows(document, version, &text, chunks)?;
        let indexed = Indexed {
            version,
            mime_type,
            metadata: Value::Object(metadata),
            page_count: page_count.and_then(|pages| i32::try_from(pages).ok()),
            chunk_count: i32::try_from(chunks.len()).unwrap_or(i32::MAX),
        };
        Ok(Self { indexed, chunks })
    }
}

/// Replaces the chunks of a document by those of a content, after which the document is ready.
///
/// # Errors
/// Returns an error if the worker has lost its lease, if the plan does not allow so many chunks, or if the database fails. Nothing is
/// stored then.
pub(super) async fn store(
    worker: &Worker,
    scope: TenantScope,
    job: Job,
    content: &Content,
) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    replace_chunks(&mut tx, job, content).await?;
    Ok(tx.commit().await?)
}

/// Checks that a content can be stored, before its texts are embedded.
///
/// # Errors
/// Returns an error if the worker has lost its lease, if the plan does not allow so many chunks, or if the database fails.
pub(super) async fn check(
    worker: &Worker,
    scope: TenantScope,
    job: Job,
    content: &Content,
) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    let document = lock_content(&mut tx, job, content.indexed.version).await?;
    let replaced = i64::from(document.chunk_count);
    check_limit(&mut tx, content.chunks.len(), content.chunks.len(), replaced).await
}

async fn replace_chunks(tx: &mut TenantTx, job: Job, content: &Content) -> Result<(), Error> {
    let Content { indexed, chunks } = content;
    lock_content(tx, job, indexed.version).await?;
    chunks::delete_all(tx, job.document_id).await?;
    chunks::insert(tx, job.document_id, indexed.version, chunks).await?;
    check_limit(tx, chunks.len(), 0, 0).await?;
    documents::set_indexed(tx, job.document_id, indexed).await?;
    Ok(())
}

/// Locks a document whose content is still that of the job.
async fn lock_content(tx: &mut TenantTx, job: Job, version: i32) -> Result<Document, Error> {
    let document = lock(tx, job).await?.filter(|document| document.content_version == Some(version));
    document.ok_or(Error::LeaseLost)
}

/// Checks the number of chunks of the tenant, to which `added` ones are added and of which `removed` ones are removed.
async fn check_limit(tx: &mut TenantTx, chunks: usize, added: usize, removed: i64) -> Result<(), Error> {
    let limits = plans::limits_of_tenant(tx).await?;
    let limits = limits.and_then(|limits| PlanLimits::deserialize(limits).ok()).unwrap_or_default();
    let Some(limit) = limits.chunks.map(i64::from) else { return Ok(()) };
    let added = i64::try_from(added).unwrap_or(i64::MAX);
    let used = usage::read(tx).await?.chunks.saturating_sub(removed).saturating_add(added);
    if used <= limit { Ok(()) } else { Err(Error::ChunkLimit { chunks, used, limit }) }
}

/// Returns the rows of the chunks of a text.
///
/// # Errors
/// Returns an error if the chunks are not in order, or not within the text.
fn rows(document: Uuid, version: i32, text: &str, chunks: Vec<parsing::Chunk>) -> Result<Vec<Chunk>, Error> {
    let mut letters = text.char_indices().map(|(position, _)| position).chain([text.len()]).enumerate();
    let mut at = |letter: u64| {
        letters.find(|(number, _)| u64::try_from(*number) == Ok(letter)).map(|(_, position)| position)
    };
    let mut rows = Vec::with_capacity(chunks.len());
    let mut last_end = None;
    for (position, chunk) in chunks.into_iter().enumerate() {
        let parsing::Chunk { ordinal, start, end, tokens, first_page, last_page, headings } = chunk;
        // A chunk may begin where the one before it ends, whose position was passed already.
        let from = match last_end {
            Some((letter, byte)) if letter == start => Some(byte),
            _ => at(start),
        };
        let to = at(end);
        let range = from.zip(to).filter(|_| usize::try_from(ordinal) == Ok(position));
        let slice = range.and_then(|(from, to)| text.get(from..to));
        let slice = slice.filter(|slice| slice.len() <= MAX_CHUNK_BYTES);
        let slice = slice.ok_or_else(|| Error::Parser {
            message: format!("chunk {position} of the answer is not a part of the text, or too large"),
        })?;
        last_end = to.map(|byte| (end, byte));
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        rows.push(Chunk {
            id: Uuid::new_v5(&document, format!("{version}/{ordinal}").as_bytes()),
            ordinal: number(ordinal),
            text: slice.to_owned(),
            starts_at: i64::try_from(start).unwrap_or(i64::MAX),
            ends_at: i64::try_from(end).unwrap_or(i64::MAX),
            tokens: number(tokens),
            first_page: first_page.map(number),
            last_page: last_page.map(number),
            headings: headings.into_iter().take(MAX_HEADINGS).map(shortened).collect(),
        });
    }
    Ok(rows)
}

fn shortened(heading: String) -> String {
    match heading.char_indices().nth(MAX_HEADING_LETTERS) {
        Some((end, _)) => heading.get(..end).unwrap_or_default().to_owned(),
        None => heading,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(ordinal: u32, start: u64, end: u64) -> parsing::Chunk {
        parsing::Chunk {
            ordinal,
            start,
            end,
            tokens: 1,
            first_page: None,
            last_page: None,
            headings: Vec::new(),
        }
    }

    /// Positions are those of characters, also if characters have several bytes and chunks touch each other.
    #[test]
    fn a_chunk_is_a_slice_of_characters() {
        let document = Uuid::from_u128(1);
        let stored = rows(document, 1, "Größe 🦀 xy", vec![chunk(0, 0, 5), chunk(1, 6, 7), chunk(2, 7, 10)]);
        let texts: Vec<_> = stored.unwrap().into_iter().map(|chunk| chunk.text).collect();
        assert_eq!(texts, ["Größe", "🦀", " xy"]);
    }

    /// An answer with a chunk outside of the text, or out of order, stores nothing.
    #[test]
    fn chunks_outside_of_the_text_are_refused() {
        let document = Uuid::from_u128(1);
        for chunks in [
            vec![chunk(0, 0, 4)],
            vec![chunk(1, 0, 1)],
            vec![chunk(0, 2, 3), chunk(1, 0, 1)],
            vec![chunk(0, 2, 1)],
        ] {
            assert!(rows(document, 1, "abc", chunks.clone()).is_err(), "{chunks:?}");
        }
    }
}
