//! The worker of documents: it reads their contents, divides them into chunks, writes points of the chunks to the vector database, and
//! deletes what is to be deleted. Any number of
//! workers share a queue in Postgres; one that dies loses its lease, and another one takes the document.

mod delete;
mod error;
mod execute;
mod index;
mod metrics;
mod parse;
mod points;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_points;

use std::{num::NonZeroU8, time::Duration};

use telemetry::Registry;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    db::{AppPool, MirrorPool},
    objects::Objects,
    store::documents::jobs,
    vectors::Vectors,
};

pub use error::Error;
pub use parse::{Parser, ParserLimits};

use metrics::Metrics;

/// Time after which another worker takes a document whose worker has not extended its lease.
const LEASE: Duration = Duration::from_secs(60);
/// Interval between two searches for documents while there are none. A search takes an index lookup for each tenant with documents.
const INTERVAL: Duration = Duration::from_millis(500);
/// Delay after a search that has failed.
const FAILURE_DELAY: Duration = Duration::from_secs(5);

/// Worker of documents. Clones share their metrics.
#[derive(Clone)]
pub struct Worker {
    /// Connections that can access the rows of the tenant of a document.
    pub(crate) app: AppPool,
    /// Connections that find the documents of all tenants.
    pub(crate) mirror: MirrorPool,
    /// Storage of the contents.
    pub(crate) objects: Objects,
    /// Program that reads contents.
    pub(crate) parser: Parser,
    /// Vector database with the embedding model. Without it, documents are ready without points.
    pub(crate) vectors: Option<Vectors>,
    metrics: Metrics,
}

impl Worker {
    /// Creates a worker; [`Self::run`] starts it.
    #[must_use]
    pub fn new(
        app: AppPool,
        mirror: MirrorPool,
        objects: Objects,
        parser: Parser,
        registry: &Registry,
    ) -> Self {
        Self { app, mirror, objects, parser, vectors: None, metrics: Metrics::registered(registry) }
    }

    /// Returns the worker with a vector database, in which it writes points of the chunks.
    #[must_use]
    pub fn with_vectors(self, vectors: Option<Vectors>) -> Self {
        Self { vectors, ..self }
    }

    /// Processes everything that is due.
    #[cfg(test)]
    pub(crate) async fn process_all(&self) {
        while let Some(job) = jobs::lease(&self.mirror, LEASE).await.unwrap() {
            self.clone().execute(job, &CancellationToken::new()).await;
        }
    }

    /// Processes documents, at most `concurrency` at the same time, until `stop` is cancelled. Documents in progress are then released,
    /// so that another worker takes them at once.
    ///
    /// # Errors
    /// Never returns an error: what fails is retried.
    pub async fn run(self, concurrency: NonZeroU8, stop: CancellationToken) -> Result<(), Error> {
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            let delay = if running.len() < usize::from(concurrency.get()) {
                match jobs::lease(&self.mirror, LEASE).await {
                    Ok(Some(job)) => {
                        let (worker, stop) = (self.clone(), stop.clone());
                        running.spawn(async move { worker.execute(job, &stop).await });
                        Duration::ZERO
                    }
                    Ok(None) => INTERVAL,
                    Err(error) => {
                        let error: &(dyn std::error::Error + 'static) = &error;
                        tracing::warn!(error, "failed to look for documents to process");
                        FAILURE_DELAY
                    }
                }
            } else {
                LEASE
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(delay) => {}
                Some(ended) = running.join_next(), if !running.is_empty() => report(ended),
            }
        }
        // Each of them releases its lease.
        while let Some(ended) = running.join_next().await {
            report(ended);
        }
        Ok(())
    }
}

/// Reports the panic of a task, whose document is leased again when its lease has ended.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::error!(error, "the work on a document has panicked");
    }
}
