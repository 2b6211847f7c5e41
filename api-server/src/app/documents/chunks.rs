//! Reading the chunks of documents.

use std::collections::HashMap;

use domain::permission::Permission;
use uuid::Uuid;

use crate::{
    app::{App, Error, page::Direction, rights::require},
    auth::TenantScope,
    store::{
        Limit, Target, TenantTx,
        documents::{
            self,
            chunks::{self, Chunk},
        },
    },
};

/// Selection of a page of the chunks of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChunkPaging {
    /// Ordinal at which the page begins, without the chunk itself; `None` for the beginning of the document, or for its end if the page is
    /// read backward.
    pub cursor: Option<i32>,
    /// Direction in which the page is read from its cursor.
    pub direction: Direction,
    /// Page size.
    pub limit: Limit,
}

/// Page of the chunks of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkPage {
    /// Chunks in the order of the document.
    pub chunks: Vec<Chunk>,
    /// Whether more chunks follow in the direction of reading.
    pub has_more: bool,
}

/// Returns a page of the chunks of a document.
///
/// # Errors
/// Returns an error if the tenant has no such document, if the caller may not read its chunks, or if the database fails.
pub async fn chunks(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    paging: ChunkPaging,
) -> Result<ChunkPage, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    documents::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::CHUNK_READ, Target::Documents).await?;
    let mut pages = read(&mut tx, &[id], paging).await?;
    Ok(pages.remove(&id).unwrap_or_default())
}

/// Returns the same page of the chunks of several documents. Documents that do not exist, or whose chunks the caller may not read, have
/// empty pages.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn chunks_of_documents(
    app: &App,
    scope: TenantScope,
    ids: &[Uuid],
    paging: ChunkPaging,
) -> Result<HashMap<Uuid, ChunkPage>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    read(&mut tx, ids, paging).await
}

/// Returns the chunks with these IDs, each with the ID of its document, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_chunks(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<(Uuid, Chunk)>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(chunks::by_ids(&mut tx, ids).await?)
}

async fn read(
    tx: &mut TenantTx,
    ids: &[Uuid],
    paging: ChunkPaging,
) -> Result<HashMap<Uuid, ChunkPage>, Error> {
    let ChunkPaging { cursor, direction, limit } = paging;
    let start = match direction {
        Direction::Forward => chunks::PageStart::After(cursor),
        Direction::Backward => chunks::PageStart::Before(cursor),
    };
    let mut pages: HashMap<_, _> = ids.iter().map(|id| (*id, ChunkPage::default())).collect();
    for (document, chunk) in chunks::pages(tx, ids, start, limit).await? {
        pages.entry(document).or_default().chunks.push(chunk);
    }
    for ChunkPage { chunks, has_more } in pages.values_mut() {
        *has_more = chunks.len() > limit.get();
        chunks.truncate(limit.get());
        chunks.sort_by_key(|chunk| chunk.ordinal);
    }
    Ok(pages)
}
