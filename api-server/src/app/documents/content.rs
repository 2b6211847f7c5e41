//! Contents of documents: uploads and downloads.

use std::time::Duration;

use axum::body::Bytes;
use domain::permission::Permission;
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    AUDIT_KIND,
    check::violation,
    content_name,
    delete::check_present,
    limits::{self, Limits},
};
use crate::{
    app::{App, Error, audit, rights::require, tenants::active},
    auth::TenantScope,
    objects::{ObjectContent, Objects, UPLOAD_MEMORY, UploadError, Uploaded},
    store::{
        Target, TenantTx,
        documents::{self, Document, NewContent, contents, jobs},
        outputs,
    },
};

const ACTION: &str = "store the content";
/// Maximum size of a content whatever the plan allows, in bytes: a parser takes several times as much memory.
pub const MAX_DOCUMENT_BYTES: u64 = 50 << 20;
/// Time that a client has beyond what its content takes at the minimum rate.
const PACE_TIMEOUT: Duration = Duration::from_secs(10);
/// Minimum rate of an upload, on average: 2 Mbit/s. A slower client would hold the memory of an upload for nothing.
const MIN_BYTES_PER_SECOND: u64 = 256 << 10;
/// Time for which an upload waits for others of its tenant.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Media type of a content of which nothing is known.
const OCTET_STREAM: &str = "application/octet-stream";

/// Content that is being received. An error is one of the connection to the client.
pub type UploadStream = BoxStream<'static, Result<Bytes, axum::Error>>;

/// Content to store.
pub struct Upload {
    /// Size that the client has announced, in bytes; `None` if it has not.
    pub announced: Option<u64>,
    /// SHA-256 that the content must have, as 64 lower-case hex digits.
    pub sha256: Option<String>,
    /// The content.
    pub received: UploadStream,
    /// Maximum time in which it arrives. The upload of a client that is slower is ended, also if it is not awaited any more.
    pub timeout: Duration,
}

/// Content of a document.
pub struct Download {
    /// The document.
    pub document: Document,
    /// SHA-256 of the content, as 64 lower-case hex digits.
    pub sha256: String,
    /// The content; `None` if the client has it already.
    pub content: Option<ObjectContent>,
}

/// Stores the content of a document, which a worker then reads, and returns the document. An earlier content is replaced: its chunks
/// remain until those of the new one are stored.
///
/// # Errors
/// Returns an error if no object storage is configured, if the tenant accepts no writes or has no such document, if the caller may not
/// change it, if it is being deleted, if the content is empty, incomplete, not the announced one or too large, if another content was
/// uploaded meanwhile, or if the storage or the database fails. Nothing is stored then.
pub async fn upload(app: &App, scope: TenantScope, id: Uuid, upload: Upload) -> Result<Document, Error> {
    let objects = app.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    let tenant = scope.tenant_id();
    audit::begin_write(ACTION).await?;
    let exhausted = |source| Error::Exhausted { action: ACTION, source };
    let permit = app.limits.uploads.acquire_within(&tenant, 1, PERMIT_TIMEOUT).await.map_err(exhausted)?;
    let memory =
        app.limits.memory.reserve(&tenant, UPLOAD_MEMORY, PERMIT_TIMEOUT).await.map_err(exhausted)?;
    let Upload { announced, sha256, received, timeout } = upload;
    let Registered { version, media_type, limit } = register(app, scope, id, announced).await?;
    let name = content_name(tenant, id, version);
    let received = at_pace(received, timeout);
    let stored = store(objects, &name, &media_type, limit, received, timeout).await;
    let stored = stored.and_then(|uploaded| match sha256 {
        Some(announced) if announced != uploaded.sha256 => {
            Err(Error::DigestMismatch { announced, found: uploaded.sha256 })
        }
        _ => Ok(uploaded),
    });
    drop((permit, memory));
    let completed = match stored {
        Ok(uploaded) => complete(app, scope, id, version, &uploaded).await,
        Err(error) => Err(error),
    };
    if completed.is_err() {
        discard(app, objects, scope, id, version).await;
    }
    completed
}

/// Content that is registered, and not stored yet.
struct Registered {
    version: i32,
    media_type: String,
    limit: u64,
}

/// Registers a content with its size, or with the largest size that it may have.
async fn register(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    announced: Option<u64>,
) -> Result<Registered, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let document = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::DOCUMENT_UPDATE, Target::Documents).await?;
    audit::record_object(AUDIT_KIND, Some(id), &document.file_name);
    check_present(ACTION, &document)?;
    let limits @ Limits { document_bytes: limit, .. } = limits::read(&mut tx).await?;
    let bytes = announced.unwrap_or(limit);
    if bytes > limit {
        return Err(Error::DocumentTooLarge { bytes, limit });
    }
    let media_type = document.declared_type.unwrap_or_else(|| OCTET_STREAM.to_owned());
    let size = i64::try_from(bytes).unwrap_or(i64::MAX);
    outputs::lock_storage(&mut tx).await?;
    let version = contents::register(&mut tx, id, size, &media_type).await?;
    limits::check_storage(&mut tx, limits, bytes).await?;
    tx.commit().await?;
    Ok(Registered { version, media_type, limit: bytes })
}

/// Why the rest of a content is not received.
enum Interruption {
    /// The connection was closed.
    Closed(axum::Error),
    /// The client sends too slowly.
    TooSlow,
}

/// Returns a content as it is received, and an error as soon as its client is slower than [`MIN_BYTES_PER_SECOND`] after
/// [`PACE_TIMEOUT`], or has taken `timeout`.
fn at_pace(received: UploadStream, timeout: Duration) -> impl Stream<Item = Result<Bytes, Interruption>> {
    let begun = Instant::now();
    stream::unfold(Some((received, 0_u64)), move |state| async move {
        let (mut received, bytes) = state?;
        let due = PACE_TIMEOUT + Duration::from_secs(bytes / MIN_BYTES_PER_SECOND);
        match tokio::time::timeout_at(begun + due.min(timeout), received.next()).await {
            Ok(Some(Ok(piece))) => {
                let bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                Some((Ok(piece), Some((received, bytes))))
            }
            Ok(Some(Err(error))) => Some((Err(Interruption::Closed(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(Interruption::TooSlow), None)),
        }
    })
}

async fn store(
    objects: &Objects,
    name: &str,
    media_type: &str,
    limit: u64,
    received: impl Stream<Item = Result<Bytes, Interruption>>,
    timeout: Duration,
) -> Result<Uploaded, Error> {
    match objects.upload(name, media_type, limit, received).await {
        Ok(Uploaded { bytes: 0, .. }) => {
            let violations = vec![violation("", "the content is empty".to_owned())];
            Err(Error::InvalidRequest { action: ACTION, violations })
        }
        Ok(uploaded) => Ok(uploaded),
        Err(UploadError::TooLarge { bytes, limit }) => Err(Error::DocumentTooLarge { bytes, limit }),
        Err(UploadError::Source(Interruption::Closed(source))) => {
            Err(Error::Incomplete { action: ACTION, source })
        }
        Err(UploadError::Source(Interruption::TooSlow)) => Err(Error::TooSlow { action: ACTION, timeout }),
        Err(UploadError::Storage(error)) => Err(error.into()),
    }
}

/// Records a stored content as that of its document.
async fn complete(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    version: i32,
    uploaded: &Uploaded,
) -> Result<Document, Error> {
    let Uploaded { bytes, sha256 } = uploaded;
    let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let current = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::DOCUMENT_UPDATE, Target::Documents).await?;
    check_present(ACTION, &current)?;
    let is_last = current.content_version.is_none_or(|last| last < version);
    if !is_last || !contents::complete(&mut tx, id, version, bytes, sha256).await? {
        let used_by =
            "another content was uploaded meanwhile; upload this one again to replace it".to_owned();
        return Err(Error::InUse { action: ACTION, used_by });
    }
    documents::set_content(&mut tx, id, NewContent { version, bytes, sha256 }).await?;
    jobs::enqueue(&mut tx, id).await?;
    let before = current.content_sha256.map(Into::into);
    audit::record_changes([audit::Change::new("/contentSha256", before, Some(sha256.as_str().into()))]);
    let changed = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a content that was not stored completely. What cannot be deleted now is deleted later, as its row says. A content that its document
/// has is retained: the answer to its commit may have been lost.
async fn discard(app: &App, objects: &Objects, scope: TenantScope, id: Uuid, version: i32) {
    let discarded = async {
        let mut tx = TenantTx::begin(&app.db, scope.unrestricted()).await?;
        let document = documents::lock(&mut tx, id).await?;
        if document.is_some_and(|document| document.content_version == Some(version)) {
            return Ok(());
        }
        objects.delete(&content_name(scope.tenant_id(), id, version)).await?;
        contents::remove(&mut tx, id, version).await?;
        Ok::<_, Error>(tx.commit().await?)
    };
    if let Err(error) = discarded.await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, "a content that was not stored completely is deleted later");
    }
}

/// Returns the content of a document that was uploaded last. It is not read if `is_known` returns true for its SHA-256.
///
/// # Errors
/// Returns an error if no object storage is configured, if the tenant has no such document or the document no content, if the caller may
/// not read it, or if the storage or the database fails.
pub async fn download(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    is_known: impl FnOnce(&str) -> bool,
) -> Result<Download, Error> {
    let objects = app.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let document = documents::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::DOCUMENT_CONTENT_READ, Target::Documents).await?;
    drop(tx);
    let (Some(version), Some(sha256)) = (document.content_version, document.content_sha256.clone()) else {
        return Err(Error::NotFound);
    };
    let content = match is_known(&sha256) {
        true => None,
        false => {
            let name = content_name(scope.tenant_id(), id, version);
            Some(objects.get(&name).await?.ok_or(Error::NotFound)?)
        }
    };
    Ok(Download { document, sha256, content })
}
