//! The client of Qdrant, with the embedding model.

use std::{sync::Arc, time::Duration};

use embedder::Embedder;
use qdrant_client::{Qdrant, QdrantError};

use super::{Error, Failure, KnowledgeBase, Operation};

/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of a request that reads, for which a person waits. A search takes some milliseconds.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of a request that writes: a deletion by a filter without an index reads all points of the tenant. It is shorter than the lease
/// of a document.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Qdrant with the points of all tenants, and the embedding model of their texts. Clones share the connections.
#[derive(Clone)]
pub struct Vectors {
    pub(super) client: Arc<Qdrant>,
    /// Embedding model; `None` if points have the vectors of BM25 alone.
    pub(super) embedder: Option<Arc<dyn Embedder>>,
}

impl Vectors {
    /// Returns the Qdrant whose gRPC port is at a URL. It is connected to by the first request.
    ///
    /// # Errors
    /// Returns an error if the URL is not valid.
    pub fn new(
        url: &str,
        api_key: Option<&str>,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Self, Box<QdrantError>> {
        let client = Qdrant::from_url(url)
            .api_key(api_key)
            .timeout(WRITE_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // The check sends a request from a thread of its own, and only logs its result.
            .skip_compatibility_check()
            .build()?;
        Ok(Self { client: Arc::new(client), embedder })
    }
}

/// Awaits a request within its timeout.
pub(super) async fn request<T>(
    operation: Operation,
    base: &KnowledgeBase,
    answer: impl Future<Output = Result<T, QdrantError>>,
) -> Result<T, Error> {
    let timeout = match operation {
        Operation::Upsert | Operation::SetAttributes | Operation::Delete => WRITE_TIMEOUT,
        Operation::Count | Operation::Search => READ_TIMEOUT,
    };
    let failure = match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => Failure::from(error),
        Err(_) => Failure::Unavailable(format!("no answer within {} s", timeout.as_secs())),
    };
    Err(Error { operation, collection: base.collection().to_owned(), failure })
}
