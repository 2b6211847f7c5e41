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
pub struct Deleted {
    /// Records of runs.
    pub runs: u64,
    /// Logs.
    pub logs: u64,
    /// Events.
    pub events: u64,
    /// Idempotency keys.
    pub keys: u64,
}

/// Deletes the rows of a tenant whose retention has ended.
pub(super) async fn delete(
    pool: &MirrorPool,
    tenant: Uuid,
    policy: &RetentionPolicy,
    now: Timestamp,
) -> Result<Deleted, Error> {
    let RetentionPolicy { runs, logs, events, outputs: _ } = *policy;
    // Rows of one kind that cannot be deleted do not keep the others from it.
    let logs = old_logs(pool, tenant, (now - logs).into()).await;
    let runs = old_runs(pool, tenant, (now - runs).into()).await;
    let events = old_events(pool, tenant, (now - events).into()).await;
    let keys = expired_keys(pool, tenant, now.into()).await;
    Ok(Deleted { logs: logs?, runs: runs?, events: events?, keys: keys? })
}

/// Returns whether the retention of a record of a run or of a log of a tenant has ended.
///
/// # Errors
/// Returns an error if the query fails.
pub(super) async fn has_records_to_delete(
    pool: &MirrorPool,
    tenant: Uuid,
    policy: &RetentionPolicy,
    now: Timestamp,
) -> Result<bool, Error> {
    let RetentionPolicy { runs, logs, events: _, outputs: _ } = *policy;
    let (runs, logs): (db::Timestamp, db::Timestamp) = ((now - runs).into(), (now - logs).into());
    sqlx::query_scalar!(
        r#"select exists (
             select from workflow_runs where tenant_id = $1 and finished and not live and finished_at < $2
           ) or exists (select from run_logs where tenant_id = $1 and updated_at < $3) as "is_due!""#,
        tenant,
        runs as _,
        logs as _
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("find records whose retention has ended"))
}

pub(super) type Statement = Query<'static, Postgres, PgArguments>;

/// Repeats a statement until it deletes nothing, and returns the number of deleted rows.
pub(super) async fn delete_batches(
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

/// Removes what the row of a tenant says about it, except its slug and that its data was deleted. The row itself stays: rows
/// that are deleted later refer to it.
pub(super) async fn redact_tenant(pool: &MirrorPool, tenant: Uuid) -> Result<(), Error> {
    sqlx::query!(
        r#"update tenants set display_name = slug, settings = '{}', spec = '{"deletionPolicy": "Delete"}',
             status = '{"phase": "Terminating"}'
           where id = $1 and deleted_at is not null and spec::text <> '{"deletionPolicy": "Delete"}'"#,
        tenant
    )
    .execute(pool.inner())
    .await
    .map(drop)
    .map_err(Error::database("redact the row of a deleted tenant"))
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
            "delete from events where tenant_id = $1 and at < $2 and seq in (
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
