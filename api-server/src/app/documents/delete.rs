//! Deleting documents.

use domain::permission::Permission;
use uuid::Uuid;

use super::AUDIT_KIND;
use crate::{
    app::{App, Error, audit, rights::require, tenants::active},
    auth::TenantScope,
    store::{
        Target, TenantTx,
        documents::{self, Document, DocumentStatus, jobs},
    },
};

const ACTION: &str = "delete the document";

/// Requests the deletion of a document and returns it. A worker then deletes its chunks, its contents, and last the document.
/// Requesting it again has no further effect. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such document, if it was changed since this version, if the caller may
/// not delete it, or if the database fails.
pub async fn delete(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    version: Option<i64>,
) -> Result<Document, Error> {
    audit::begin_write(ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let current = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::DOCUMENT_DELETE, Target::Documents).await?;
    audit::record_object(AUDIT_KIND, Some(id), &current.file_name);
    if current.status == DocumentStatus::Deleting {
        return Ok(current);
    }
    if version.is_some_and(|version| version != current.version) {
        return Err(Error::Stale { action: ACTION });
    }
    documents::begin_deletion(&mut tx, id).await?;
    jobs::enqueue(&mut tx, id).await?;
    let deleting = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(deleting)
}

/// Checks that a document is not being deleted.
///
/// # Errors
/// Returns an error if it is.
pub(super) fn check_present(action: &'static str, document: &Document) -> Result<(), Error> {
    match document.status {
        DocumentStatus::Deleting => Err(Error::InUse {
            action,
            used_by: "the document is being deleted; create another one".to_owned(),
        }),
        _ => Ok(()),
    }
}
