//! Adding to a log.

use protocol::internal::LogBatch;
use uuid::Uuid;

use crate::{
    db::{Json, Timestamp},
    store::{Error, TenantTx},
};

/// A log that nobody else adds to until the transaction ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The id of the run.
    pub run_id: Uuid,
    /// The number of the last chunk.
    pub chunks: i64,
    /// Of all lines together.
    pub bytes: usize,
    /// Whether it takes no more.
    pub is_full: bool,
    /// The number of the pod's next line; lower ones are there.
    pub next_seq: u64,
}

/// What is added to a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// The new lines, of one pod.
    pub batch: LogBatch,
    /// Of all lines together, with these.
    pub bytes: usize,
    /// The number of the pod's next line, after these.
    pub next_seq: u64,
    /// Whether the log takes no more after these.
    pub is_full: bool,
}

/// Opens the log of a run for lines of a pod; begins it where there is none.
///
/// # Errors
/// The query fails.
pub async fn open(tx: &mut TenantTx, run_uid: Uuid, pod: &str, now: Timestamp) -> Result<Open, Error> {
    let (connection, tenant) = tx.parts();
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
    Ok(Open {
        run_id: row.run_id,
        chunks: row.chunks,
        bytes: usize::try_from(row.bytes).unwrap_or(usize::MAX),
        is_full: row.is_full,
        next_seq: row.next_seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0),
    })
}

/// Adds a chunk to an open log.
///
/// # Errors
/// A query fails.
pub async fn add(tx: &mut TenantTx, log: &Open, addition: &Addition) -> Result<(), Error> {
    let Addition { batch, bytes, next_seq, is_full } = addition;
    let (connection, tenant) = tx.parts();
    let chunk = log.chunks + 1;
    let big = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query!(
        "insert into run_log_chunks (tenant_id, run_id, chunk, lines) values ($1, $2, $3, $4)",
        tenant,
        log.run_id,
        chunk,
        Json(batch) as _
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("add lines to a log"))?;
    sqlx::query!(
        "update run_logs set chunks = $3, bytes = $4, is_full = $5, pods = pods || jsonb_build_object($6::text, $7::bigint)
         where tenant_id = $1 and run_id = $2",
        tenant,
        log.run_id,
        chunk,
        i64::try_from(*bytes).unwrap_or(i64::MAX),
        is_full,
        batch.pod,
        big(*next_seq)
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("close the log of a run"))
}
