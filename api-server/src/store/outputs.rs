//! Register of the outputs in object storage.

use uuid::Uuid;

use super::{Error, TenantTx};
use crate::db::Timestamp;

/// An output in object storage.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// UID of the run that stores the output.
    pub run_uid: Uuid,
    /// SHA-256 of the content, as 64 lower-case hex digits.
    pub sha256: &'a str,
    /// URI by which run statuses refer to the output.
    pub uri: &'a str,
    /// Size in bytes.
    pub bytes: i64,
    /// Media type.
    pub media_type: &'a str,
}

/// Result of registering an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The run registers the output for the first time.
    New,
    /// The run registered the output before, and has stored it or has tried to.
    Known,
}

/// Waits until no other transaction adds to what the tenant has in object storage, outputs or contents of documents, and lets others wait
/// until this one ends: together they do not exceed the plan.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn lock_storage(tx: &mut TenantTx) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('storage of ' || $1::text, 0))",
        tenant.to_string()
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("lock the storage of a tenant"))
}

/// Returns the total size of the outputs that the tenant has in object storage, in bytes.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn stored_bytes(tx: &mut TenantTx) -> Result<u64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let bytes = sqlx::query_scalar!("select outputs from stored_bytes where tenant_id = $1", tenant)
        .fetch_optional(connection)
        .await
        .map_err(Error::query("read the size of the stored outputs"))?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default())
}

/// Registers an output before it is written to object storage. The database counts its size.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn register(tx: &mut TenantTx, output: Output<'_>, now: Timestamp) -> Result<Registered, Error> {
    let Output { run_uid, sha256, uri, bytes, media_type } = output;
    let (connection, tenant) = tx.connection_and_tenant();
    let result = sqlx::query!(
        "insert into stored_outputs (tenant_id, run_uid, sha256, uri, bytes, media_type, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, run_uid, sha256) do nothing",
        tenant,
        run_uid,
        sha256,
        uri,
        bytes,
        media_type,
        now as _
    )
    .execute(connection)
    .await
    .map_err(Error::query("register a stored output"))?;
    Ok(if result.rows_affected() == 0 { Registered::Known } else { Registered::New })
}
