//! Deleting objects in storage that no run refers to.

use jiff::Timestamp;
use uuid::Uuid;

use super::Error;
use crate::{app::outputs::Name, db, db::MirrorPool, objects::Objects};

/// Objects of one look; each is a request to the storage.
const BATCH: i64 = 100;

struct Unreferenced {
    run_uid: Uuid,
    sha256: String,
    uri: String,
}

/// Deletes the objects that were stored before a time, by runs that are not under way, and that no kept run refers to.
/// A storage that is away ends it for now.
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
            // A row that names no object of ours was never stored.
            if let Ok(name) = Name::of_uri(&output.uri)
                && let Err(error) = objects.delete(&name.to_string()).await
            {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "objects that are no longer kept are deleted later");
                return Ok(deleted);
            }
            forget(pool, tenant, &output).await?;
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
        BATCH
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("find objects that no run refers to"))
}

async fn forget(pool: &MirrorPool, tenant: Uuid, output: &Unreferenced) -> Result<(), Error> {
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
    .map_err(Error::database("forget an object"))
}
