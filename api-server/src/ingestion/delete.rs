//! Deleting documents and contents.

use std::time::Duration;

use uuid::Uuid;

use super::{Error, Worker, execute::lock, points};
use crate::{
    app::documents::content_name,
    auth::TenantScope,
    store::{
        TenantTx,
        documents::{
            self, chunks, contents,
            jobs::{self, Job},
        },
    },
};

/// Time after which no upload that was registered is in progress any more: more than twice the longest.
const MAX_UPLOAD_TIME: Duration = Duration::from_secs(240);

/// Deletes a document: its points first, which cite its text, then its contents and its chunks, and the document with its job last.
///
/// # Errors
/// Returns an error if the worker has lost its lease, or if the vector database, the storage or the database fails. A
/// repetition continues.
pub(super) async fn delete(worker: &Worker, scope: TenantScope, job: Job) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    let is_uploading = contents::is_uploading(&mut tx, job.document_id, MAX_UPLOAD_TIME).await?;
    drop(tx);
    if is_uploading {
        return Err(Error::UploadInProgress);
    }
    points::delete(worker, scope, job.document_id).await?;
    delete_contents(worker, scope, job.document_id, |_| true).await?;
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    lock(&mut tx, job).await?.ok_or(Error::LeaseLost)?;
    chunks::delete_all(&mut tx, job.document_id).await?;
    jobs::remove(&mut tx, job).await?;
    documents::delete(&mut tx, job.document_id).await?;
    Ok(tx.commit().await?)
}

/// Deletes the selected contents of a document: each object, and then its row.
///
/// # Errors
/// Returns an error if the storage or the database fails.
pub(super) async fn delete_contents(
    worker: &Worker,
    scope: TenantScope,
    document: Uuid,
    selected: impl Fn(i32) -> bool,
) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    let versions = contents::versions(&mut tx, document).await?;
    drop(tx);
    for version in versions.into_iter().filter(|version| selected(*version)) {
        worker.objects.delete(&content_name(scope.tenant_id(), document, version)).await?;
        let mut tx = TenantTx::begin(&worker.app, scope).await?;
        contents::remove(&mut tx, document, version).await?;
        tx.commit().await?;
    }
    Ok(())
}
