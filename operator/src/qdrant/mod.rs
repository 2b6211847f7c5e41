//! Access to the vector database. Each request has a time limit, and each answer becomes a type of `domain`.

mod error;
mod observe;
mod owner;
mod provision;
mod remove;
mod shared;
#[cfg(test)]
mod tests;
mod write;

use std::time::Duration;

use qdrant_client::{Qdrant, QdrantError};

pub(crate) use error::{Failure, Operation, VectorError};
pub(crate) use provision::ProvisionError;
use shared::SharedCollections;

/// Timeout of one request. A request takes milliseconds, and the creation of a collection up to a second on a busy server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The vector database of the installation.
pub(crate) struct VectorDatabase {
    client: Qdrant,
    /// Id of this installation, which marks its collections.
    pub(crate) installation: String,
    shared: SharedCollections,
}

impl VectorDatabase {
    /// Returns the database at a URL. It is connected to by the first request.
    ///
    /// # Errors
    /// Returns an error if the URL is not valid.
    pub(crate) fn new(
        url: &str,
        api_key: Option<&str>,
        installation: String,
    ) -> Result<Self, Box<QdrantError>> {
        let client = Qdrant::from_url(url)
            .api_key(api_key)
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // The check sends a request from a thread of its own, and only logs its result.
            .skip_compatibility_check()
            .build()?;
        Ok(Self { client, installation, shared: SharedCollections::default() })
    }
}

/// Awaits a request within its timeout.
async fn request<T>(
    operation: Operation,
    name: &str,
    answer: impl Future<Output = Result<T, QdrantError>>,
) -> Result<T, VectorError> {
    let failure = match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => Failure::from(error),
        Err(_) => Failure::Unavailable(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())),
    };
    Err(VectorError { operation, name: name.to_owned(), failure })
}
