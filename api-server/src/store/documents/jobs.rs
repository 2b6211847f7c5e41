//! Queue of the documents that a worker has to parse or to delete.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::{
    db::MirrorPool,
    store::{Error, TenantTx},
};

/// Job that a worker has leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// ID of the tenant.
    pub tenant_id: Uuid,
    /// ID of the document.
    pub document_id: Uuid,
    /// Number of attempts, this one included.
    pub attempts: i32,
    /// Number of the lease. The worker writes only while the job has it.
    pub fence: i64,
}

/// Adds a document to the queue. A worker that is busy with it loses its lease.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn enqueue(tx: &mut TenantTx, document: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into document_jobs as j (tenant_id, document_id) values ($1, $2)
         on conflict (tenant_id, document_id) do update
         set attempts = 0, due_at = now(), fence = j.fence + 1, leased_until = null",
        tenant,
        document
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("add a document to the queue"))
}

/// Leases the job that is due: of the tenant with the fewest jobs in progress, and of those the one whose turn was longest ago, the job that
/// has waited longest. Returns `None` if none is due.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn lease(pool: &MirrorPool, lease: Duration) -> Result<Option<Job>, Error> {
    sqlx::query_as!(
        Job,
        r#"with candidates as (
             select u.tenant_id, first.document_id, first.due_at, t.leased_at,
               (select count(*) from document_jobs l where l.tenant_id = u.tenant_id and l.leased_until > now()) as running
             from document_usage u left join document_turns t on t.tenant_id = u.tenant_id cross join lateral (
               select document_id, due_at from document_jobs j
               where j.tenant_id = u.tenant_id and j.due_at <= now()
                 and (j.leased_until is null or j.leased_until <= now())
               order by j.due_at limit 1
             ) as first
           ), chosen as (
             select j.tenant_id, j.document_id
             from document_jobs j join candidates c on c.tenant_id = j.tenant_id and c.document_id = j.document_id
             where j.due_at <= now() and (j.leased_until is null or j.leased_until <= now())
             order by c.running, c.leased_at nulls first, c.due_at limit 1 for update of j skip locked
           ), turn as (
             insert into document_turns (tenant_id, leased_at) select tenant_id, clock_timestamp() from chosen
             on conflict (tenant_id) do update set leased_at = excluded.leased_at
           )
           update document_jobs j set fence = j.fence + 1, attempts = j.attempts + 1, leased_until = now() + $1
           from chosen c where j.tenant_id = c.tenant_id and j.document_id = c.document_id
           returning j.tenant_id, j.document_id, j.attempts, j.fence"#,
        interval(lease)
    )
    .fetch_optional(pool.inner())
    .await
    .map_err(Error::query("lease a document"))
}

/// Extends a lease. Returns false if the worker has lost it.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn extend(pool: &MirrorPool, job: Job, lease: Duration) -> Result<bool, Error> {
    sqlx::query!(
        "update document_jobs set leased_until = now() + $4 where tenant_id = $1 and document_id = $2 and fence = $3",
        job.tenant_id,
        job.document_id,
        job.fence,
        interval(lease)
    )
    .execute(pool.inner())
    .await
    .map(|result| result.rows_affected() == 1)
    .map_err(Error::query("extend the lease of a document"))
}

/// Returns a lease without a result, so that another worker takes the job at once. It counts as no attempt.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn release(pool: &MirrorPool, job: Job) -> Result<(), Error> {
    sqlx::query!(
        "update document_jobs set leased_until = null, attempts = attempts - 1
         where tenant_id = $1 and document_id = $2 and fence = $3",
        job.tenant_id,
        job.document_id,
        job.fence
    )
    .execute(pool.inner())
    .await
    .map(drop)
    .map_err(Error::query("release the lease of a document"))
}

/// Returns whether the worker has its lease, and retains it until the transaction ends.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn hold(tx: &mut TenantTx, job: Job) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        "select fence from document_jobs where tenant_id = $1 and document_id = $2 for update",
        tenant,
        job.document_id
    )
    .fetch_optional(connection)
    .await
    .map(|fence| fence == Some(job.fence))
    .map_err(Error::query("check the lease of a document"))
}

/// Postpones a job whose attempt has failed.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn postpone(tx: &mut TenantTx, job: Job, delay: Duration) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update document_jobs set due_at = now() + $3, leased_until = null
         where tenant_id = $1 and document_id = $2",
        tenant,
        job.document_id,
        interval(delay)
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("postpone a document"))
}

/// Removes a job that is done.
///
/// # Errors
/// Returns an error if the statement fails.
pub async fn remove(tx: &mut TenantTx, job: Job) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "delete from document_jobs where tenant_id = $1 and document_id = $2",
        tenant,
        job.document_id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("remove a document from the queue"))
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
        ..PgInterval::default()
    }
}
