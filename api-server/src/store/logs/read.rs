//! Reading a log.

use protocol::internal::LogBatch;
use sqlx::types::Json;
use uuid::Uuid;

use crate::store::{Error, TenantTx};

/// A chunk of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Its number in the log.
    pub chunk: i64,
    /// Its lines.
    pub batch: LogBatch,
}

/// The next chunks of a log, from one on. Where there are fewer than `at_most`, they are the last for now.
///
/// # Errors
/// The query fails.
pub async fn chunks(tx: &mut TenantTx, run_id: Uuid, from: i64, at_most: i64) -> Result<Vec<Chunk>, Error> {
    let (connection, tenant) = tx.parts();
    let rows = sqlx::query!(
        r#"select chunk, lines as "lines: Json<LogBatch>" from run_log_chunks
           where tenant_id = $1 and run_id = $2 and chunk >= $3 order by chunk limit $4"#,
        tenant,
        run_id,
        from,
        at_most
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read a log"))?;
    Ok(rows.into_iter().map(|row| Chunk { chunk: row.chunk, batch: row.lines.0 }).collect())
}

/// Whether a pod has added to a run's log before.
///
/// # Errors
/// The query fails.
pub async fn has_lines_of(tx: &mut TenantTx, run_uid: Uuid, pod: &str) -> Result<bool, Error> {
    let (connection, tenant) = tx.parts();
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
