//! The work on one document, under its lease.

use std::time::Duration;

use protocol::parsing::Answer;
use tokio_util::sync::CancellationToken;

use super::{
    Error, LEASE, Worker, delete,
    index::{self, Content},
    points,
};
use crate::{
    app::documents::content_name,
    auth::TenantScope,
    store::{
        self, TenantTx,
        documents::{self, Document, DocumentStatus, contents, jobs, jobs::Job},
    },
};

/// Maximum number of attempts whose failure may be temporary, and of those whose worker died. The last one is made about 15 minutes after
/// the first.
const MAX_ATTEMPTS: i32 = 5;
/// Delay after the first failed attempt; each further one is three times as long.
const FIRST_DELAY: Duration = Duration::from_secs(20);
/// Maximum length of the explanation of an error, in characters, as in the database.
const MAX_MESSAGE_LETTERS: usize = 2_000;

impl Worker {
    /// Processes a document, and records the outcome. A worker that loses its lease, or stops, leaves the document to others.
    pub(super) async fn execute(self, job: Job, stop: &CancellationToken) {
        let outcome = tokio::select! {
            outcome = self.process(job) => outcome,
            () = self.heartbeat(job) => Err(Error::LeaseLost),
            () = stop.cancelled() => return self.release(job).await,
        };
        let Err(error) = outcome else { return };
        if matches!(error, Error::LeaseLost) {
            points::discard_late(&self, job).await;
            return self.metrics.count("released");
        }
        if let Err(error) = self.record_failure(job, error).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(document.id = %job.document_id, error, "the failure of a document is not recorded; its lease will expire");
        }
    }

    /// Extends the lease until it is lost.
    async fn heartbeat(&self, job: Job) {
        loop {
            tokio::time::sleep(LEASE / 4).await;
            match jobs::extend(&self.mirror, job, LEASE).await {
                Ok(true) => {}
                Ok(false) => return,
                // Every write checks the lease.
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(document.id = %job.document_id, error, "the lease of a document is not extended");
                }
            }
        }
    }

    async fn release(&self, job: Job) {
        self.metrics.count("released");
        if let Err(error) = jobs::release(&self.mirror, job).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(document.id = %job.document_id, error, "the lease of a document is not released; it will expire");
        }
    }

    async fn process(&self, job: Job) -> Result<(), Error> {
        let scope = TenantScope::for_worker(job.tenant_id);
        let Some(document) = self.begin(scope, job).await? else { return Ok(()) };
        if document.status == DocumentStatus::Deleting {
            delete::delete(self, scope, job).await?;
            self.metrics.count("deleted");
            return Ok(());
        }
        let Some(version) = document.content_version else { return Ok(()) };
        // Its points have attributes of before, or it has points of earlier contents.
        if document.status == DocumentStatus::Ready {
            points::finish(self, scope, job, None).await?;
            self.metrics.count("refreshed");
            return Ok(());
        }
        let name = content_name(job.tenant_id, job.document_id, version);
        let stored = self.objects.get(&name).await?.ok_or(Error::ObjectNotFound)?;
        let parsed = match self.parser.parse(&document, stored).await? {
            Answer::Parsed(parsed) => parsed,
            Answer::Failed(failure) => return Err(Error::Content(failure)),
        };
        let content = Content::new(job.document_id, version, parsed)?;
        let attributes = points::write(self, scope, job, &document, &content).await?;
        index::store(self, scope, job, &content).await?;
        self.metrics.count("ready");
        self.metrics.count_chunks(content.chunks.len());
        points::finish(self, scope, job, attributes).await?;
        // The document is ready; what is left of earlier contents is also deleted by the retention.
        let obsolete = delete::delete_contents(self, scope, job.document_id, |other| other < version).await;
        if let Err(error) = obsolete {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(document.id = %job.document_id, error, "an earlier content of a document is deleted later");
        }
        Ok(())
    }

    /// Returns the document of a job once it says that it is being processed; `None` if there is nothing to do.
    async fn begin(&self, scope: TenantScope, job: Job) -> Result<Option<Document>, Error> {
        let mut tx = TenantTx::begin(&self.app, scope).await?;
        let Some(document) = lock(&mut tx, job).await? else { return Ok(None) };
        let registered = contents::versions(&mut tx, job.document_id).await?;
        let has_content = document.content_version.is_some_and(|version| registered.contains(&version));
        match document.status {
            DocumentStatus::Deleting => {}
            DocumentStatus::Ready if has_content => {}
            _ if job.attempts > MAX_ATTEMPTS => return Err(Error::Abandoned),
            _ if has_content => documents::begin_processing(&mut tx, job.document_id).await?,
            _ if document.content_version.is_some() => return Err(Error::ObjectNotFound),
            _ => {
                jobs::remove(&mut tx, job).await?;
                tx.commit().await?;
                return Ok(None);
            }
        }
        tx.commit().await?;
        Ok(Some(document))
    }

    /// Records that an attempt has failed: it is repeated later, or the document fails.
    async fn record_failure(&self, job: Job, error: Error) -> Result<(), Error> {
        let is_last = !error.is_transient() || job.attempts >= MAX_ATTEMPTS;
        report(job, is_last, &error);
        if is_last {
            points::discard_failed(self, job).await;
        }
        let mut tx = TenantTx::begin(&self.app, TenantScope::for_worker(job.tenant_id)).await?;
        let Some(document) = lock(&mut tx, job).await? else { return Ok(()) };
        // A deletion is repeated until it succeeds, and so is the end of the work on a document that is ready.
        let can_fail = !matches!(document.status, DocumentStatus::Deleting | DocumentStatus::Ready);
        if is_last && can_fail {
            let message: String = error.explanation().chars().take(MAX_MESSAGE_LETTERS).collect();
            documents::fail(&mut tx, job.document_id, &error.code(), &message).await?;
            jobs::remove(&mut tx, job).await?;
            self.metrics.count("failed");
        } else {
            let exponent = u32::try_from(job.attempts.clamp(1, MAX_ATTEMPTS) - 1).unwrap_or_default();
            jobs::postpone(&mut tx, job, FIRST_DELAY * 3_u32.pow(exponent)).await?;
            if document.status == DocumentStatus::Processing {
                documents::await_attempt(&mut tx, job.document_id).await?;
            }
            self.metrics.count("retried");
        }
        Ok(tx.commit().await?)
    }
}

/// Locks the document of a job and its lease, in the order of all writers. Returns `None` if the worker has lost the lease.
pub(super) async fn lock(tx: &mut TenantTx, job: Job) -> Result<Option<Document>, store::Error> {
    let document = documents::lock(tx, job.document_id).await?;
    Ok(if jobs::hold(tx, job).await? { document } else { None })
}

fn report(job: Job, is_last: bool, error: &Error) {
    let Job { tenant_id, document_id, attempts: attempt, fence: _ } = job;
    if error.is_transient() && !matches!(error, Error::UploadInProgress) {
        let error: &(dyn std::error::Error + 'static) = error;
        tracing::warn!(tenant.id = %tenant_id, document.id = %document_id, attempt, is_last, error, "failed to process a document");
    } else {
        let code = error.code();
        tracing::info!(tenant.id = %tenant_id, document.id = %document_id, code, "a document cannot be processed");
    }
}
