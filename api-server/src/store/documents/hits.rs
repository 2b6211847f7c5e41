//! Chunks that a search has found.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::chunks::{Chunk, READ};
use crate::store::{Error, Target, TenantTx, rights};

/// Chunk that a search has found, with what is shown of its document.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct StoredHit {
    /// ID of the document.
    pub document_id: Uuid,
    /// Number of the content to which the chunk belongs.
    pub content_version: i32,
    /// Chunk.
    #[sqlx(flatten)]
    pub chunk: Chunk,
}

/// Filters of a search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// IDs of documents; any if empty.
    pub documents: &'a [Uuid],
    /// Tags of which a document must have one; any if empty.
    pub tags: &'a [String],
    /// Media types of which a document must have one; any if empty.
    pub mime_types: &'a [String],
}

/// Chunks that exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredHits {
    /// Number of chunks, including those that the principal cannot read.
    pub existing: usize,
    /// Chunks that the principal can read, in no particular order.
    pub hits: Vec<StoredHit>,
}

/// Returns those of the chunks with these IDs that belong to the current content of a document that is ready and that the filters select.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid], filter: Filter<'_>) -> Result<StoredHits, Error> {
    let Filter { documents, tags, mime_types } = filter;
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select c.document_id, c.content_version, c.id, c.ordinal, c.text, c.starts_at, c.ends_at, c.tokens, c.first_page, \
         c.last_page, c.headings \
         from document_chunks c join documents d \
         on d.tenant_id = c.tenant_id and d.id = c.document_id and d.content_version = c.content_version and d.status = 'READY' \
         where c.tenant_id = ",
    );
    sql.push_bind(tenant).push(" and c.id = any(").push_bind(ids.to_vec()).push(")");
    if !documents.is_empty() {
        sql.push(" and d.id = any(").push_bind(documents.to_vec()).push(")");
    }
    if !tags.is_empty() {
        sql.push(" and d.tags && ").push_bind(tags.to_vec());
    }
    if !mime_types.is_empty() {
        sql.push(" and d.mime_type = any(").push_bind(mime_types.to_vec()).push(")");
    }
    let rows = sql.build_query_as::<StoredHit>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("read the chunks that a search has found"))?;
    let existing = rows.len();
    let mut hits = rows;
    for permission in READ {
        hits = tx.retain_permitted(hits, |hit| hit.document_id, permission, Target::Documents).await?;
    }
    Ok(StoredHits { existing, hits })
}

/// Returns lists of tags: each document whose chunks the principal can read has at least one tag of each list. The candidates of a search
/// are selected by them, and those of other documents do not take their places.
#[must_use]
pub fn readable_tags(tx: &TenantTx) -> Vec<Vec<String>> {
    let tags = |permission| {
        let rights = tx.restriction(permission)?;
        rights::required_tags(&rights, permission)
    };
    READ.into_iter().filter_map(tags).collect()
}
