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

struct Unreferenced {
    run_uid: Uuid,
    sha256: String,
    uri: String,
}

/// Deletes the outputs of finished or deleted runs that were stored before `before` and that no stored run
/// refers to. Returns the number of deleted outputs; stops early if the storage cannot be reached.
pub(super) async fn delete(
    pool: &MirrorPool,
    objects: &Objects,
    tenant: Uuid,
    before: Timestamp,
) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let found = unreferenced(pool, tenant, before.into()).await?;
        if found.is_empty() {
            return Ok(deleted);
        }
        for output in found {
            // An output whose URI is not valid was never stored.
            if let Ok(name) = OutputName::from_uri(&output.uri)
                && let Err(error) = objects.delete(&name.to_string()).await
            {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "an unreferenced output cannot be deleted; the deletion is retried");
                return Ok(deleted);
            }
            delete_row(pool, tenant, &output).await?;
            deleted += 1;
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
