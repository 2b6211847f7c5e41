//! Which values are in object storage.

use uuid::Uuid;

use super::{Error, TenantTx};
use crate::db::Timestamp;

/// A value in object storage.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// The uid of the run that stores it.
    pub run_uid: Uuid,
    /// Of its bytes, as 64 lower-case hex digits.
    pub sha256: &'a str,
    /// Where it is, as it stands in references.
    pub uri: &'a str,
    /// Its size in bytes.
    pub bytes: i64,
    /// Its media type.
    pub media_type: &'a str,
}

/// What is known of an output that is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The first time.
    New,
    /// The run has stored it before, or has tried to.
    Known,
}

/// Remembers that an output is in object storage, or will be in a moment.
///
/// # Errors
/// The query fails.
pub async fn announce(tx: &mut TenantTx, output: Output<'_>, now: Timestamp) -> Result<Announced, Error> {
    let Output { run_uid, sha256, uri, bytes, media_type } = output;
    let (connection, tenant) = tx.parts();
    let done = sqlx::query!(
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
    .map_err(Error::query("remember a stored output"))?;
    Ok(if done.rows_affected() == 0 { Announced::Known } else { Announced::New })
}
