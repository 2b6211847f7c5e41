//! Deletes contents of documents in object storage that no document refers to: uploads that were cut off by a crash, and contents that
//! a newer one has replaced.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Error;
use crate::{
    app::documents::content_name,
    db::{self, MirrorPool},
    objects::Objects,
};

/// Age at which a content without a document is deleted. Uploads are much faster.
const OBSOLETE_AGE: SignedDuration = SignedDuration::from_hours(1);
/// Maximum number of contents of a tenant that one sweep deletes; each takes a request to the storage.
const BATCH_SIZE: i64 = 100;

/// Deletes the contents of a tenant that no document refers to. Returns their number. If the storage refuses one, the others are
/// deleted by the next sweep.
pub(super) async fn delete_obsolete(
    pool: &MirrorPool,
    objects: &Objects,
    tenant: Uuid,
    now: Timestamp,
) -> Result<u64, Error> {
    let before: db::Timestamp = (now - OBSOLETE_AGE).into();
    let obsolete = sqlx::query!(
        "select c.document_id, c.content_version
         from document_contents c join documents d on d.tenant_id = c.tenant_id and d.id = c.document_id
         where c.tenant_id = $1 and c.created_at < $2
           and (c.sha256 is null or c.content_version < d.content_version)
         order by c.created_at limit $3",
        tenant,
        before as _,
        BATCH_SIZE
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("find contents that no document refers to"))?;
    let mut deleted = 0;
    for content in obsolete {
        let name = content_name(tenant, content.document_id, content.content_version);
        if let Err(error) = objects.delete(&name).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "an obsolete content cannot be deleted; the deletion is retried");
            break;
        }
        sqlx::query!(
            "delete from document_contents where tenant_id = $1 and document_id = $2 and content_version = $3",
            tenant,
            content.document_id,
            content.content_version
        )
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the row of an obsolete content"))?;
        deleted += 1;
    }
    Ok(deleted)
}
