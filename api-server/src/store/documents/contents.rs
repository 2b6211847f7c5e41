//! Register of the contents of documents in object storage.

use std::time::Duration;

use uuid::Uuid;

use crate::store::{Error, TenantTx};

/// Registers a content before it is stored, and returns its number. The caller has locked the document.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn register(tx: &mut TenantTx, document: Uuid, bytes: i64, media_type: &str) -> Result<i32, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        "with numbered as (
           update documents set contents = contents + 1 where tenant_id = $1 and id = $2 returning contents
         )
         insert into document_contents (tenant_id, document_id, content_version, bytes, media_type)
         select $1, $2, contents, $3, $4 from numbered returning content_version",
        tenant,
        document,
        bytes,
        media_type
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("register the content of a document"))
}

/// Records that a content is stored completely. Returns false if it is not registered any more.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn complete(
    tx: &mut TenantTx,
    document: Uuid,
    version: i32,
    bytes: i64,
    sha256: &str,
) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update document_contents set bytes = $4, sha256 = $5
         where tenant_id = $1 and document_id = $2 and content_version = $3",
        tenant,
        document,
        version,
        bytes,
        sha256
    )
    .execute(connection)
    .await
    .map(|result| result.rows_affected() == 1)
    .map_err(Error::query("record that the content of a document is stored"))
}

/// Returns the numbers of the registered contents of a document.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn versions(tx: &mut TenantTx, document: Uuid) -> Result<Vec<i32>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        "select content_version from document_contents where tenant_id = $1 and document_id = $2
         order by content_version",
        tenant,
        document
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("find the contents of a document"))
}

/// Returns whether a content of a document may still be on its way: it was registered within `age`, and is not complete.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn is_uploading(tx: &mut TenantTx, document: Uuid, age: Duration) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        r#"select exists (
             select from document_contents
             where tenant_id = $1 and document_id = $2 and sha256 is null and created_at > now() - make_interval(secs => $3)
           ) as "exists!""#,
        tenant,
        document,
        age.as_secs_f64()
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("find uploads of a document in progress"))
}

/// Removes a content whose object is deleted.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn remove(tx: &mut TenantTx, document: Uuid, version: i32) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "delete from document_contents where tenant_id = $1 and document_id = $2 and content_version = $3",
        tenant,
        document,
        version
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("remove the content of a document"))
}
