//! Writes of documents.

use serde_json::Value;
use uuid::Uuid;

use super::{Document, DocumentStatus};
use crate::{
    db::Json,
    store::{Error, TenantTx},
};

/// Document to create.
#[derive(Clone, Debug)]
pub struct NewDocument<'a> {
    /// ID, a UUIDv7.
    pub id: Uuid,
    /// Email address of the user, or name of the service account, that creates the document.
    pub uploaded_by: &'a str,
    /// Media type as declared by the user.
    pub declared_type: Option<&'a str>,
    /// Fields that users can change.
    pub fields: Fields<'a>,
}

/// Fields of a document that users can change.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Name of the file.
    pub file_name: &'a str,
    /// Metadata: an object.
    pub metadata: &'a Value,
    /// Tags in alphabetical order.
    pub tags: &'a [String],
}

/// Content that was stored.
#[derive(Clone, Copy, Debug)]
pub struct NewContent<'a> {
    /// Number of the content.
    pub version: i32,
    /// Size in bytes.
    pub bytes: i64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: &'a str,
}

/// Result of parsing the content of a document.
#[derive(Clone, Debug)]
pub struct Indexed {
    /// Number of the content.
    pub version: i32,
    /// Media type that was found.
    pub mime_type: String,
    /// Metadata that was found: an object.
    pub metadata: Value,
    /// Number of pages, if the type has pages.
    pub page_count: Option<i32>,
    /// Number of chunks.
    pub chunk_count: i32,
}

/// Creates a document.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn insert(tx: &mut TenantTx, document: &NewDocument<'_>) -> Result<(), Error> {
    let NewDocument { id, uploaded_by, declared_type, fields: Fields { file_name, metadata, tags } } =
        document;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into documents (id, tenant_id, uploaded_by, file_name, declared_type, metadata, tags)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id,
        tenant,
        uploaded_by,
        file_name,
        *declared_type,
        Json(metadata) as _,
        tags
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("create a document"))
}

/// Returns a document, whether or not the principal can read it, and lets other writers of it wait until the transaction ends.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<Document>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Document,
        r#"select id, uploaded_by, file_name, declared_type, mime_type, metadata, parsed_metadata, tags,
                  status as "status: DocumentStatus", error_code, error_message, content_version, indexed_version,
                  size_bytes, content_sha256, page_count, chunk_count, version, created_at, updated_at
           from documents where tenant_id = $1 and id = $2 for update"#,
        tenant,
        id
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("lock a document"))
}

/// Changes the fields that users can change.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn update(tx: &mut TenantTx, id: Uuid, fields: Fields<'_>) -> Result<(), Error> {
    let Fields { file_name, metadata, tags } = fields;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set file_name = $3, metadata = $4, tags = $5, version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        file_name,
        Json(metadata) as _,
        tags
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("change a document"))
}

/// Records a content that was stored as the last one of its document, which is then to be parsed.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn set_content(tx: &mut TenantTx, id: Uuid, content: NewContent<'_>) -> Result<(), Error> {
    let NewContent { version, bytes, sha256 } = content;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set content_version = $3, size_bytes = $4, content_sha256 = $5, mime_type = null,
                              page_count = null, status = 'PENDING', error_code = null, error_message = null, version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        version,
        bytes,
        sha256
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record the content of a document"))
}

/// Records that the content of a document is to be parsed again.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn mark_pending(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set status = 'PENDING', error_code = null, error_message = null, version = version + 1,
                              updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("request that a document is parsed again"))
}

/// Records that a worker reads the content of a document.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn begin_processing(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set status = 'PROCESSING', updated_at = now() where tenant_id = $1 and id = $2",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record that a document is being parsed"))
}

/// Records that a document waits for another attempt of a worker.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn await_attempt(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set status = 'PENDING', updated_at = now() where tenant_id = $1 and id = $2",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record that a document waits for another attempt"))
}

/// Records that the chunks of a document are those of its content.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn set_indexed(tx: &mut TenantTx, id: Uuid, indexed: &Indexed) -> Result<(), Error> {
    let Indexed { version, mime_type, metadata, page_count, chunk_count } = indexed;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set status = 'READY', error_code = null, error_message = null, indexed_version = $3,
                              mime_type = $4, parsed_metadata = $5, page_count = $6, chunk_count = $7,
                              updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        version,
        mime_type,
        Json(metadata) as _,
        *page_count,
        chunk_count
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record the chunks of a document"))
}

/// Records that the content of a document cannot be used.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn fail(tx: &mut TenantTx, id: Uuid, code: &str, message: &str) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set status = 'FAILED', error_code = $3, error_message = $4, updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id,
        code,
        message
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record the failure of a document"))
}

/// Records that a document is to be deleted.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn begin_deletion(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update documents set status = 'DELETING', error_code = null, error_message = null, version = version + 1,
                              updated_at = now()
         where tenant_id = $1 and id = $2",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record that a document is being deleted"))
}

/// Deletes a document, whose contents and chunks are deleted already, with its job.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from documents where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::query("delete a document"))
}
