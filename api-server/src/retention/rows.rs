//! Deletes rows whose retention has ended, in batches that are short transactions.

use jiff::Timestamp;
use sqlx::{Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{Error, RetentionPolicy};
use crate::{db, db::MirrorPool};

/// Maximum number of rows deleted by one statement.
const BATCH_SIZE: i64 = 500;
/// Maximum number of logs deleted by one statement. It is lower because a log has many chunks.
const LOG_BATCH_SIZE: i64 = 20;

/// Numbers of deleted rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deleted {
    pub(super) runs: u64,
    pub(super) logs: u64,
    pub(super) events: u64,
    pub(super) keys: u64,
}

/// Deletes the rows of a tenant whose retention has ended.
pub(super) async fn delete(
    pool: &MirrorPool,
    tenant: Uuid,
    policy: &RetentionPolicy,
    now: Timestamp,
) -> Result<Deleted, Error> {
    let RetentionPolicy { runs, logs, events } = *policy;
    // Rows of one kind that cannot be deleted do not keep the others from it.
    let logs = old_logs(pool, tenant, (now - logs).into()).await;
    let runs = old_runs(pool, tenant, (now - runs).into()).await;
    let events = old_events(pool, tenant, (now - events).into()).await;
    let keys = expired_keys(pool, tenant, now.into()).await;
    Ok(Deleted { logs: logs?, runs: runs?, events: events?, keys: keys? })
}

type Statement = Query<'static, Postgres, PgArguments>;

/// Repeats a statement until it deletes nothing, and returns the number of deleted rows.
async fn delete_batches(
    pool: &MirrorPool,
    action: &'static str,
    batch: impl Fn() -> Statement,
) -> Result<u64, Error> {
    let mut sum = 0;
    loop {
        let result = batch().execute(pool.inner()).await.map_err(Error::database(action))?;
        match result.rows_affected() {
            0 => return Ok(sum),
            deleted => sum += deleted,
        }
    }
}

async fn old_runs(pool: &MirrorPool, tenant: Uuid, before: db::Timestamp) -> Result<u64, Error> {
    delete_batches(pool, "delete records of runs", || {
        sqlx::query!(
            "delete from workflow_runs where id in (
               select id from workflow_runs
               where tenant_id = $1 and finished and not live and finished_at < $2
               order by finished_at limit $3 for update skip locked
             )",
            tenant,
            before as _,
            BATCH_SIZE
        )
    })
    .await
}

async fn old_logs(pool: &MirrorPool, tenant: Uuid, before: db::Timestamp) -> Result<u64, Error> {
    delete_batches(pool, "delete logs", || {
        sqlx::query!(
            "with old as (
               select run_id from run_logs where tenant_id = $1 and updated_at < $2
               order by updated_at limit $3
             ), chunks as (
               delete from run_log_chunks where tenant_id = $1 and run_id in (select run_id from old)
             )
             delete from run_logs where tenant_id = $1 and run_id in (select run_id from old)",
            tenant,
            before as _,
            LOG_BATCH_SIZE
        )
    })
    .await
}

async fn old_events(pool: &MirrorPool, tenant: Uuid, before: db::Timestamp) -> Result<u64, Error> {
    delete_batches(pool, "delete events", || {
        sqlx::query!(
            "delete from events where tenant_id = $1 and seq in (
               select seq from events where tenant_id = $1 and at < $2 order by seq limit $3
             )",
            tenant,
            before as _,
            BATCH_SIZE
        )
    })
    .await
}

async fn expired_keys(pool: &MirrorPool, tenant: Uuid, now: db::Timestamp) -> Result<u64, Error> {
    delete_batches(pool, "delete idempotency keys", || {
        sqlx::query!(
            "delete from idempotency_keys where (principal, key) in (
               select principal, key from idempotency_keys where tenant_id = $1 and expires_at < $2 limit $3
             ) and tenant_id = $1",
            tenant,
            now as _,
            BATCH_SIZE
        )
    })
    .await
}
