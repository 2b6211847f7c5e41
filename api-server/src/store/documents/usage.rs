//! Numbers and sizes of the documents of a tenant, which its plan limits.

use crate::store::{Error, TenantTx};

/// Numbers of what a tenant has stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of documents.
    pub documents: i64,
    /// Size of all contents, in bytes.
    pub bytes: i64,
    /// Number of chunks.
    pub chunks: i64,
}

/// Returns what the tenant has stored. After a write, no other transaction can add to it until this one ends.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn read(tx: &mut TenantTx) -> Result<Usage, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let found = sqlx::query_as!(
        Usage,
        "select documents, bytes, chunks from document_usage where tenant_id = $1",
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the number of documents"))?;
    Ok(found.unwrap_or_default())
}
