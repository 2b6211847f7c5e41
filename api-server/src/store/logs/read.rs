//! Reads a log.

use protocol::internal::LogBatch;
use sqlx::types::Json;
use uuid::Uuid;

use crate::store::{Error, TenantTx};

/// Chunk of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Number of the chunk in the log.
    pub chunk: i64,
    /// Lines of the chunk.
    pub batch: LogBatch,
}

/// Maximum number of chunks that one query returns.
const MAX_CHUNKS: i64 = 64;

/// Returns chunks of a log in order, from chunk number `from` on: the first one, and as many more as have at most
/// `max_bytes` together. No chunks mean that the log has no more for now.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn chunks(tx: &mut TenantTx, run_id: Uuid, from: i64, max_bytes: i64) -> Result<Vec<Chunk>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let rows = sqlx::query!(
        r#"select chunk as "chunk!", lines as "lines!: Json<LogBatch>" from (
             select chunk, lines, row_number() over (order by chunk) as number,
                    sum(octet_length(lines::text)) over (order by chunk) as bytes from (
               select chunk, lines from run_log_chunks
               where tenant_id = $1 and run_id = $2 and chunk >= $3 order by chunk limit $4
             ) as next
           ) as measured
           where bytes <= $5 or number = 1 order by chunk"#,
        tenant,
        run_id,
        from,
        MAX_CHUNKS,
        max_bytes
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read a log"))?;
    Ok(rows.into_iter().map(|row| Chunk { chunk: row.chunk, batch: row.lines.0 }).collect())
}

/// Returns whether the log of a run has lines of a pod.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn has_lines_from_pod(tx: &mut TenantTx, run_uid: Uuid, pod: &str) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let known = sqlx::query_scalar!(
        r#"select coalesce(pods ? $3, false) as "known!" from run_logs
           where tenant_id = $1
             and run_id = coalesce((select id from workflow_runs where tenant_id = $1 and uid = $2), $2)"#,
        tenant,
        run_uid,
        pod
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("look for a pod in a log"))?;
    Ok(known.unwrap_or(false))
}
