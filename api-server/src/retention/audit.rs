//! The audit log: what retention writes to it, and its own retention.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{Error, RetainedTenant, rows::Deleted};
use crate::{
    app::audit::{Change, Ending, audited, operation_of_job, record_changes, record_object},
    db::{self, MirrorPool},
    store::audit::PLATFORM_CHAIN,
};

/// Retention of audit events, also of those of deleted tenants: a year, and some days to look at it afterwards.
pub(super) const AUDIT_RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Name of the job in the audit log.
const JOB: &str = "retention.delete";
/// Maximum number of audit events deleted by one statement.
const BATCH_SIZE: i32 = 1_000;

/// Executes a deletion of a tenant's data with its audit event.
///
/// # Errors
/// Returns an error if the audit event cannot be begun, or if the deletion fails.
pub(super) async fn audited_deletion<T, E: From<Error>>(
    pool: &MirrorPool,
    tenant: &RetainedTenant,
    work: impl Future<Output = Result<T, E>>,
    deleted: impl Fn(&T) -> Deleted,
) -> Result<T, E> {
    let work = async {
        record_object("TENANT", Some(tenant.id), &tenant.slug);
        let result = work.await;
        if let Ok(result) = &result {
            record_deleted(&deleted(result));
        }
        result
    };
    let ending = |result: &Result<T, E>| match result {
        Ok(_) => Ending::Succeeded,
        Err(_) => Ending::Failed("deletion_failed"),
    };
    audited(operation_of_job(pool, tenant.id, JOB), work, ending).await.map_err(Error::Audit)?
}

/// Records the numbers of what was deleted.
fn record_deleted(Deleted { runs, logs, events: _, keys: _ }: &Deleted) {
    let count = |field: &str, count: &u64| Change::new(field, Some(json!(count)), Some(json!(0)));
    record_changes([count("/runs", runs), count("/logs", logs)]);
}

/// Deletes the audit events of a tenant, or of the platform, whose retention has ended.
///
/// # Errors
/// Returns an error if the database refuses a statement.
pub(super) async fn prune(pool: &MirrorPool, chain: Uuid, now: Timestamp) -> Result<u64, Error> {
    let before: db::Timestamp = (now - AUDIT_RETENTION).into();
    let mut sum = 0;
    loop {
        let deleted = sqlx::query_scalar!(
            r#"select prune_audit_events($1, $2, $3) as "deleted!""#,
            chain,
            before as _,
            BATCH_SIZE
        )
        .fetch_one(pool.inner())
        .await
        .map_err(Error::database("delete audit events"))?;
        match u64::try_from(deleted) {
            Ok(0) | Err(_) => return Ok(sum),
            Ok(deleted) => sum += deleted,
        }
    }
}

/// Deletes the audit events of the platform whose retention has ended.
///
/// # Errors
/// Returns an error if the database refuses a statement.
pub(super) async fn prune_platform(pool: &MirrorPool, now: Timestamp) -> Result<u64, Error> {
    prune(pool, PLATFORM_CHAIN, now).await
}
