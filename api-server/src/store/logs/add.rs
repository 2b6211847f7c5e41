//! Appends to a log.

use protocol::internal::LogBatch;
use uuid::Uuid;

use crate::{
    db::{Json, Timestamp},
    store::{Error, TenantTx},
};

/// A log that is locked until the transaction ends, so that no other writer appends to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLog {
    /// ID of the run.
    pub run_id: Uuid,
    /// Number of the last chunk.
    pub chunks: i64,
    /// Size of all lines in bytes.
    pub bytes: usize,
    /// Whether the log has reached its size limit.
    pub is_full: bool,
    /// Sequence number of the pod's next line; all lower ones are stored.
    pub next_seq: u64,
}

/// Lines to append to a log, and the state of the log afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// New lines, all of one pod.
    pub batch: LogBatch,
    /// Size of all lines in bytes, including the new ones.
    pub bytes: usize,
    /// Sequence number of the pod's next line after the new ones.
    pub next_seq: u64,
    /// Whether the log has reached its size limit with the new lines.
    pub is_full: bool,
}

/// Locks the log of a run for lines of a pod, and creates it if the run has none.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn open(tx: &mut TenantTx, run_uid: Uuid, pod: &str, now: Timestamp) -> Result<OpenLog, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"insert into run_logs (tenant_id, run_id, chunks, bytes, is_full, pods, updated_at)
           values ($1, coalesce((select id from workflow_runs where tenant_id = $1 and uid = $2), $2),
                   0, 0, false, '{}', $4)
           on conflict (tenant_id, run_id) do update set updated_at = excluded.updated_at
           returning run_id, chunks, bytes, is_full, (pods ->> $3)::bigint as next_seq"#,
        tenant,
        run_uid,
        pod,
        now as _
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("open the log of a run"))?;
    Ok(OpenLog {
        run_id: row.run_id,
        chunks: row.chunks,
        bytes: usize::try_from(row.bytes).unwrap_or(usize::MAX),
        is_full: row.is_full,
        next_seq: row.next_seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0),
    })
}

/// Returns the size of all other logs of the tenant together, in bytes.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn bytes_without(tx: &mut TenantTx, log: &OpenLog) -> Result<usize, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let bytes = sqlx::query_scalar!(
        r#"select coalesce(sum(bytes), 0)::bigint as "bytes!" from run_logs where tenant_id = $1 and run_id <> $2"#,
        tenant,
        log.run_id
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("measure the logs of a tenant"))?;
    Ok(usize::try_from(bytes).unwrap_or_default())
}

/// Appends a chunk to a log.
///
/// # Errors
/// Returns an error if a query fails.
pub async fn add(tx: &mut TenantTx, log: &OpenLog, addition: &Addition) -> Result<(), Error> {
    let Addition { batch, bytes, next_seq, is_full } = addition;
    let (connection, tenant) = tx.connection_and_tenant();
    let chunk = log.chunks + 1;
    let as_bigint = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query!(
        "insert into run_log_chunks (tenant_id, run_id, chunk, lines) values ($1, $2, $3, $4)",
        tenant,
        log.run_id,
        chunk,
        Json(batch) as _
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("append lines to a log"))?;
    sqlx::query!(
        "update run_logs set chunks = $3, bytes = $4, is_full = $5, pods = pods || jsonb_build_object($6::text, $7::bigint)
         where tenant_id = $1 and run_id = $2",
        tenant,
        log.run_id,
        chunk,
        i64::try_from(*bytes).unwrap_or(i64::MAX),
        is_full,
        batch.pod,
        as_bigint(*next_seq)
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("update the log of a run"))
}
