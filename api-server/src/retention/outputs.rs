//! Deletes outputs in object storage that no run refers to.

use jiff::Timestamp;
use uuid::Uuid;

use super::Error;
use crate::{
    db,
    db::MirrorPool,
    objects::{Objects, OutputName},
};

/// Maximum number of outputs read with one query; deleting each takes a request to the storage.
const BATCH_SIZE: i64 = 100;
/// Number of consecutive failures after which a sweep stops: each may take the timeout of a request.
const MAX_CONSECUTIVE_FAILURES: u32 = 5;

struct Unreferenced {
    run_uid: Uuid,
    sha256: String,
    uri: String,
}

/// Deletes the outputs of finished or deleted runs that were stored before `before` and that no stored run
/// refers to. Returns the number of deleted outputs. An output that cannot be deleted is reported and does not keep the others
/// from it; if several in a row cannot, the storage cannot be reached, and the others are deleted by the next sweep.
pub(super) async fn delete(
    pool: &MirrorPool,
    objects: &Objects,
    tenant: Uuid,
    before: Timestamp,
) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let found = unreferenced(pool, tenant, before.into()).await?;
        let (mut deleted_here, mut failures) = (0, 0);
        for output in found {
            if delete_object(objects, &output).await {
                delete_row(pool, tenant, &output).await?;
                (deleted_here, failures) = (deleted_here + 1, 0);
            } else {
                failures += 1;
            }
            if failures == MAX_CONSECUTIVE_FAILURES {
                return Ok(deleted + deleted_here);
            }
        }
        deleted += deleted_here;
        // Only outputs that cannot be deleted are left.
        if deleted_here == 0 {
            return Ok(deleted);
        }
    }
}

/// Deletes an output in object storage, and returns whether it does not exist there any more.
async fn delete_object(objects: &Objects, output: &Unreferenced) -> bool {
    // An output whose URI is not valid was never stored.
    let Ok(name) = OutputName::from_uri(&output.uri) else { return true };
    match objects.delete(&name.to_string()).await {
        Ok(()) => true,
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(
                error,
                output.uri = output.uri,
                "an unreferenced output cannot be deleted; the deletion is retried"
            );
            false
        }
    }
}

async fn unreferenced(
    pool: &MirrorPool,
    tenant: Uuid,
    before: db::Timestamp,
) -> Result<Vec<Unreferenced>, Error> {
    sqlx::query_as!(
        Unreferenced,
        "select run_uid, sha256, uri from stored_outputs o
         where tenant_id = $1 and created_at < $2
           and not exists (select from workflow_runs r where r.uid = o.run_uid and not r.finished)
           and not exists (select from mirror_quarantine q where q.uid = o.run_uid)
           and not exists (
             select from workflow_runs r where r.tenant_id = o.tenant_id and r.output_uris @> array[o.uri]
           )
         order by created_at limit $3",
        tenant,
        before as _,
        BATCH_SIZE
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("find outputs that no run refers to"))
}

async fn delete_row(pool: &MirrorPool, tenant: Uuid, output: &Unreferenced) -> Result<(), Error> {
    let Unreferenced { run_uid, sha256, uri: _ } = output;
    sqlx::query!(
        "delete from stored_outputs where tenant_id = $1 and run_uid = $2 and sha256 = $3",
        tenant,
        run_uid,
        sha256
    )
    .execute(pool.inner())
    .await
    .map(drop)
    .map_err(Error::database("delete the row of an output"))
}
