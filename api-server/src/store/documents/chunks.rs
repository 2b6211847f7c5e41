//! Chunks of documents.

use domain::permission::Permission;
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::store::{Error, Limit, Target, TenantTx};

/// Permissions for the document that reading its chunks requires.
pub const READ: [Permission; 2] = [Permission::DOCUMENT_READ, Permission::CHUNK_READ];

/// Chunk of a document.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Chunk {
    /// ID: a UUIDv5 of the document, the number of its content and the ordinal.
    pub id: Uuid,
    /// Position in the document, starting at 0.
    pub ordinal: i32,
    /// Text.
    pub text: String,
    /// Position of the first character in the text of the document.
    pub starts_at: i64,
    /// Position after the last character.
    pub ends_at: i64,
    /// Number of tokens.
    pub tokens: i32,
    /// Number of the first page, starting at 1, if the document has pages.
    pub first_page: Option<i32>,
    /// Number of the last page.
    pub last_page: Option<i32>,
    /// Headings above the chunk, from the outermost one.
    pub headings: Vec<String>,
}

/// Place at which a page of chunks begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// The page has the chunks after an ordinal, or the first ones.
    After(Option<i32>),
    /// The page has the chunks before an ordinal, or the last ones; the last one is the first in the result.
    Before(Option<i32>),
}

/// Row of a chunk with its document.
#[derive(sqlx::FromRow)]
struct Row {
    document_id: Uuid,
    #[sqlx(flatten)]
    chunk: Chunk,
}

/// Returns a page of the chunks of each of these documents, with the ID of the document: at most one chunk more than `limit`, which shows
/// whether more follow. There are none of documents whose chunks the principal cannot read.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn pages(
    tx: &mut TenantTx,
    documents: &[Uuid],
    start: PageStart,
    limit: Limit,
) -> Result<Vec<(Uuid, Chunk)>, Error> {
    let mut permitted = documents.to_vec();
    for permission in READ {
        permitted = tx.permitted(&permitted, permission, Target::Documents).await?.into_iter().collect();
    }
    let (connection, tenant) = tx.connection_and_tenant();
    let (condition, order) = match start {
        PageStart::After(after) => (after.map(|ordinal| (" and ordinal > ", ordinal)), "asc"),
        PageStart::Before(before) => (before.map(|ordinal| (" and ordinal < ", ordinal)), "desc"),
    };
    let mut sql = QueryBuilder::new(
        "select d.id as document_id, c.* from documents d cross join lateral ( \
         select id, ordinal, text, starts_at, ends_at, tokens, first_page, last_page, headings from document_chunks \
         where tenant_id = d.tenant_id and document_id = d.id and content_version = d.indexed_version",
    );
    if let Some((comparison, ordinal)) = condition {
        sql.push(comparison).push_bind(ordinal);
    }
    sql.push(format!(" order by ordinal {order} limit ")).push_bind(limit.with_next());
    sql.push(") as c where d.tenant_id = ").push_bind(tenant);
    sql.push(" and d.id = any(").push_bind(permitted).push(format!(") order by d.id, c.ordinal {order}"));
    let rows = sql.build_query_as::<Row>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("list the chunks of documents"))?;
    Ok(rows.into_iter().map(|Row { document_id, chunk }| (document_id, chunk)).collect())
}

/// Returns the chunks with these IDs that exist and that the principal can read, each with the ID of its document, in no particular
/// order. Chunks of earlier contents do not exist any more.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<(Uuid, Chunk)>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select c.document_id, c.id, c.ordinal, c.text, c.starts_at, c.ends_at, c.tokens, c.first_page, c.last_page, c.headings \
         from document_chunks c join documents d \
         on d.tenant_id = c.tenant_id and d.id = c.document_id and d.indexed_version = c.content_version \
         where c.tenant_id = ",
    );
    sql.push_bind(tenant).push(" and c.id = any(").push_bind(ids.to_vec()).push(")");
    let rows = sql.build_query_as::<Row>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("read chunks"))?;
    let mut rows = rows;
    for permission in READ {
        rows = tx.retain_permitted(rows, |row| row.document_id, permission, Target::Documents).await?;
    }
    Ok(rows.into_iter().map(|Row { document_id, chunk }| (document_id, chunk)).collect())
}

/// Stores the chunks of a content of a document.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn insert(
    tx: &mut TenantTx,
    document: Uuid,
    content_version: i32,
    chunks: &[Chunk],
) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let ids: Vec<Uuid> = chunks.iter().map(|chunk| chunk.id).collect();
    let ordinals: Vec<i32> = chunks.iter().map(|chunk| chunk.ordinal).collect();
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let starts: Vec<i64> = chunks.iter().map(|chunk| chunk.starts_at).collect();
    let ends: Vec<i64> = chunks.iter().map(|chunk| chunk.ends_at).collect();
    let tokens: Vec<i32> = chunks.iter().map(|chunk| chunk.tokens).collect();
    let first_pages: Vec<Option<i32>> = chunks.iter().map(|chunk| chunk.first_page).collect();
    let last_pages: Vec<Option<i32>> = chunks.iter().map(|chunk| chunk.last_page).collect();
    // An array of arrays of different lengths does not exist in Postgres.
    let headings: Vec<String> =
        chunks.iter().map(|chunk| serde_json::to_string(&chunk.headings).unwrap_or_default()).collect();
    sqlx::query!(
        "insert into document_chunks
           (id, tenant_id, document_id, content_version, ordinal, text, starts_at, ends_at, tokens, first_page, last_page,
            headings)
         select id, $1, $2, $3, ordinal, text, starts_at, ends_at, tokens, first_page, last_page,
                array(select jsonb_array_elements_text(headings::jsonb))
         from unnest($4::uuid[], $5::integer[], $6::text[], $7::bigint[], $8::bigint[], $9::integer[], $10::integer[],
                     $11::integer[], $12::text[])
           as c (id, ordinal, text, starts_at, ends_at, tokens, first_page, last_page, headings)",
        tenant,
        document,
        content_version,
        &ids,
        &ordinals,
        &texts as _,
        &starts,
        &ends,
        &tokens,
        &first_pages as _,
        &last_pages as _,
        &headings
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("store the chunks of a document"))
}

/// Deletes all chunks of a document.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn delete_all(tx: &mut TenantTx, document: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from document_chunks where tenant_id = $1 and document_id = $2", tenant, document)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::query("delete the chunks of a document"))
}
