//! Deleting documents and contents.

use uuid::Uuid;

use super::{Error, Worker, execute::lock};
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

/// Deletes a document: its contents first, then its chunks, and the document with its job last.
///
/// # Errors
/// Returns an error if the worker has lost its lease, or if the storage or the database fails. A repetition continues.
pub(super) async fn delete(worker: &Worker, scope: TenantScope, job: Job) -> Result<(), Error> {
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
