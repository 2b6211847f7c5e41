//! The points of a document in the vector database.
//!
//! The points of a content are written before its chunks are stored, so that a document that is ready can be found. Searches ignore points
//! without a stored chunk. Those of earlier contents are deleted after it, before the job is removed: a worker that dies meanwhile leaves
//! the job to another one.

use embedder::Purpose;
use uuid::Uuid;

use super::{
    Error, LEASE, Worker,
    execute::lock,
    index::{self, Content},
};
use crate::{
    auth::TenantScope,
    store::{
        TenantTx,
        documents::{
            self, Document,
            jobs::{self, Job},
        },
        tenants,
    },
    vectors::{self, Attributes, Failure, KnowledgeBase, Point, Vectors},
};

/// Number of chunks that are embedded before their points are written: some seconds of a model on a CPU, and 400 KB of vectors.
const BATCH: usize = 256;

/// Writes the points of a content, and returns their attributes; `None` without a vector database.
///
/// # Errors
/// Returns an error if the worker has lost its lease, if the content cannot be stored, if the embedding model or the vector database fails,
/// or if the collection of the tenant is not set up. Some of the points are written then.
pub(super) async fn write(
    worker: &Worker,
    scope: TenantScope,
    job: Job,
    document: &Document,
    content: &Content,
) -> Result<Option<Attributes>, Error> {
    let Some(vectors) = &worker.vectors else { return Ok(None) };
    index::check(worker, scope, job, content).await?;
    let base = knowledge_base(worker, scope).await?.ok_or(Error::NoKnowledgeBase)?;
    let Document { tags, metadata, .. } = document.clone();
    let attributes = Attributes { tags, mime_type: Some(content.indexed.mime_type.clone()), metadata };
    for chunks in content.chunks.chunks(BATCH) {
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        let dense = vectors.embed(&base, Purpose::Document, &texts).await?.unwrap_or_default();
        let mut dense = dense.iter().map(Vec::as_slice);
        let points = chunks.iter().map(|chunk| Point {
            chunk: chunk.id,
            document: job.document_id,
            version: content.indexed.version,
            ordinal: chunk.ordinal,
            text: &chunk.text,
            dense: dense.next(),
            attributes: &attributes,
        });
        let points: Vec<_> = points.collect();
        retain_lease(worker, job).await?;
        upsert(vectors, &base, &points).await?;
    }
    Ok(Some(attributes))
}

/// Writes the next points of a content. A collection of the tenant's own has room for as many points as the plan allows chunks: if it is
/// full, the other points of the document are deleted before instead of after.
async fn upsert(vectors: &Vectors, base: &KnowledgeBase, points: &[Point<'_>]) -> Result<(), Error> {
    let first = match (vectors.upsert(base, points).await, points) {
        (Err(vectors::Error { failure: Failure::Refused(_), .. }), [first, ..]) => first,
        (written, _) => return Ok(written?),
    };
    vectors.delete(&base.points_of(first.document).except(first.version, first.ordinal)).await?;
    Ok(vectors.upsert(base, points).await?)
}

/// Deletes the points of earlier contents of a document that is ready, gives the others the attributes of the document, unless they were
/// `written` with them, and ends the job.
///
/// # Errors
/// Returns an error if the worker has lost its lease, or if the vector database or the database fails.
pub(super) async fn finish(
    worker: &Worker,
    scope: TenantScope,
    job: Job,
    written: Option<Attributes>,
) -> Result<(), Error> {
    if let Some(vectors) = &worker.vectors {
        let mut tx = TenantTx::begin(&worker.app, scope).await?;
        let document = lock(&mut tx, job).await?.ok_or(Error::LeaseLost)?;
        let base = tenants::knowledge_base(&mut tx).await?.ok_or(Error::NoKnowledgeBase)?;
        drop(tx);
        discard(vectors, &base, &document).await?;
        let Document { id, tags, mime_type, metadata, .. } = document;
        let attributes = Attributes { tags, mime_type, metadata };
        if written.as_ref() != Some(&attributes) {
            vectors.set_attributes(&base.points_of(id), &attributes).await?;
        }
    }
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    lock(&mut tx, job).await?.ok_or(Error::LeaseLost)?;
    jobs::remove(&mut tx, job).await?;
    Ok(tx.commit().await?)
}

/// Deletes all points of a document, and verifies that none is left.
///
/// # Errors
/// Returns an error if the vector database or the database fails, or if points are left.
pub(super) async fn delete(worker: &Worker, scope: TenantScope, document: Uuid) -> Result<(), Error> {
    let Some(vectors) = &worker.vectors else { return Ok(()) };
    let Some(base) = knowledge_base(worker, scope).await? else { return Ok(()) };
    vectors.delete(&base.points_of(document)).await?;
    match vectors.count(&base.points_of(document)).await? {
        0 => Ok(()),
        points => Err(Error::PointsLeft { points }),
    }
}

/// Deletes the points that the last attempt at a content has written. A failure is logged: searches ignore the points.
pub(super) async fn discard_failed(worker: &Worker, job: Job) {
    if let Some(vectors) = &worker.vectors {
        report(job, try_discard_failed(worker, vectors, job).await);
    }
}

async fn try_discard_failed(worker: &Worker, vectors: &Vectors, job: Job) -> Result<(), Error> {
    retain_lease(worker, job).await?;
    let (Some(document), Some(base)) = read(worker, job).await? else { return Ok(()) };
    discard(vectors, &base, &document).await
}

/// Deletes the points that a worker may have written after it has lost its lease: those of contents before that of the document, and all
/// points of a document that does not exist any more. A failure is logged: searches ignore the points.
pub(super) async fn discard_late(worker: &Worker, job: Job) {
    if let Some(vectors) = &worker.vectors {
        report(job, try_discard_late(worker, vectors, job).await);
    }
}

async fn try_discard_late(worker: &Worker, vectors: &Vectors, job: Job) -> Result<(), Error> {
    let (document, Some(base)) = read(worker, job).await? else { return Ok(()) };
    let mut filter = base.points_of(job.document_id);
    if let Some(Document { content_version, indexed_version, chunk_count, .. }) = document {
        filter = filter.before(content_version.unwrap_or_default());
        if let Some(version) = indexed_version {
            filter = filter.except(version, chunk_count);
        }
    }
    Ok(vectors.delete(&filter).await?)
}

/// Deletes the points of a document that do not belong to its stored chunks.
async fn discard(vectors: &Vectors, base: &KnowledgeBase, document: &Document) -> Result<(), Error> {
    let filter = base.points_of(document.id);
    let filter = match document.indexed_version {
        Some(version) => filter.except(version, document.chunk_count),
        None => filter,
    };
    Ok(vectors.delete(&filter).await?)
}

/// Extends the lease. What follows is then done before another worker takes the document.
async fn retain_lease(worker: &Worker, job: Job) -> Result<(), Error> {
    if jobs::extend(&worker.mirror, job, LEASE).await? { Ok(()) } else { Err(Error::LeaseLost) }
}

async fn knowledge_base(worker: &Worker, scope: TenantScope) -> Result<Option<KnowledgeBase>, Error> {
    let mut tx = TenantTx::begin(&worker.app, scope).await?;
    Ok(tenants::knowledge_base(&mut tx).await?)
}

async fn read(worker: &Worker, job: Job) -> Result<(Option<Document>, Option<KnowledgeBase>), Error> {
    let mut tx = TenantTx::begin(&worker.app, TenantScope::for_worker(job.tenant_id)).await?;
    let document = documents::get(&mut tx, job.document_id).await?;
    Ok((document, tenants::knowledge_base(&mut tx).await?))
}

fn report(job: Job, discarded: Result<(), Error>) {
    if let Err(error) = discarded {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(tenant.id = %job.tenant_id, document.id = %job.document_id, error, "points of a document are left that it does not need");
    }
}
