//! Reading the content of a document again.

use domain::permission::Permission;
use uuid::Uuid;

use super::{AUDIT_KIND, delete::check_present};
use crate::{
    app::{App, Error, audit, rights::require, tenants::active},
    auth::TenantScope,
    store::{
        Target, TenantTx,
        documents::{self, Document, jobs},
    },
};

const ACTION: &str = "process the document";

/// Requests that a worker reads the content of a document again, and returns the document. Its chunks remain until those of the new
/// attempt replace them.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such document, if the document has no content or is being deleted, if the
/// caller may not process it, or if the database fails.
pub async fn process(app: &App, scope: TenantScope, id: Uuid) -> Result<Document, Error> {
    audit::begin_write(ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let current = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::DOCUMENT_PROCESS, Target::Documents).await?;
    audit::record_object(AUDIT_KIND, Some(id), &current.file_name);
    check_present(ACTION, &current)?;
    if current.content_version.is_none() {
        let used_by = "it has no content; upload one with PUT /v1/documents/{id}/content".to_owned();
        return Err(Error::InUse { action: ACTION, used_by });
    }
    documents::mark_pending(&mut tx, id).await?;
    jobs::enqueue(&mut tx, id).await?;
    let pending = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(pending)
}
