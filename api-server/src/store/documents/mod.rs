//! Documents of a tenant's knowledge base, their stored contents, their chunks, and the queue of those that are to be parsed.

pub mod chunks;
pub mod contents;
pub mod hits;
pub mod jobs;
mod list;
pub mod usage;
mod write;

use domain::permission::Permission;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Error, Target, TenantTx};
use crate::db::Timestamp;

pub use list::{Query, count, list};
pub use write::{
    Fields, Indexed, NewContent, NewDocument, await_attempt, begin_deletion, begin_processing, delete, fail,
    insert, lock, mark_pending, set_content, set_indexed, update,
};

const READ: Permission = Permission::DOCUMENT_READ;

/// Status of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentStatus {
    /// The document has no content yet, or its content waits for a worker.
    Pending,
    /// A worker reads the content.
    Processing,
    /// The chunks are those of the content that was uploaded last.
    Ready,
    /// The content cannot be used; the error says why.
    Failed,
    /// The document is being deleted with its content and its chunks.
    Deleting,
}

/// Row of a document.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Document {
    /// ID, a UUIDv7.
    pub id: Uuid,
    /// Email address of the user, or name of the service account, that has created the document.
    pub uploaded_by: String,
    /// Name of the file.
    pub file_name: String,
    /// Media type as declared by the user.
    pub declared_type: Option<String>,
    /// Media type of the content, as it was found to be; `None` until it was parsed.
    pub mime_type: Option<String>,
    /// Metadata given by the user: an object.
    pub metadata: Value,
    /// Metadata found in the content: an object.
    pub parsed_metadata: Value,
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Status.
    pub status: DocumentStatus,
    /// Machine-readable code of the error of a failed document.
    pub error_code: Option<String>,
    /// Explanation of the error of a failed document.
    pub error_message: Option<String>,
    /// Number of the content that was uploaded last, starting at 1; `None` until there is one.
    pub content_version: Option<i32>,
    /// Number of the content to which the chunks belong; `None` until one was parsed.
    pub indexed_version: Option<i32>,
    /// Size of the content that was uploaded last, in bytes.
    pub size_bytes: Option<i64>,
    /// SHA-256 of the content that was uploaded last, as 64 lower-case hex digits.
    pub content_sha256: Option<String>,
    /// Number of pages of the parsed content, if its type has pages.
    pub page_count: Option<i32>,
    /// Number of chunks.
    pub chunk_count: i32,
    /// Number of changes by users, starting at 1.
    pub version: i64,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Returns one document, or `None` if it does not exist or the principal cannot read it.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Document>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the documents with these IDs that exist and that the principal can read, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Document>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let found = sqlx::query_as!(
        Document,
        r#"select id, uploaded_by, file_name, declared_type, mime_type, metadata, parsed_metadata, tags,
                  status as "status: DocumentStatus", error_code, error_message, content_version, indexed_version,
                  size_bytes, content_sha256, page_count, chunk_count, version, created_at, updated_at
           from documents where tenant_id = $1 and id = any($2)"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read documents"))?;
    tx.retain_permitted(found, |document| document.id, READ, Target::Documents).await
}
