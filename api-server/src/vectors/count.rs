//! Counting points.

use qdrant_client::qdrant::CountPoints;

use super::{Error, Failure, Operation, PointFilter, Vectors, client::request};

impl Vectors {
    /// Returns the exact number of points. A collection that does not exist has none.
    ///
    /// # Errors
    /// Returns an error if Qdrant is unavailable or refuses the request.
    pub async fn count(&self, filter: &PointFilter<'_>) -> Result<u64, Error> {
        let base = filter.base();
        let count = CountPoints {
            collection_name: base.collection().to_owned(),
            filter: Some(filter.to_qdrant()),
            exact: Some(true),
            ..CountPoints::default()
        };
        match request(Operation::Count, base, self.client.count(count)).await {
            Ok(answer) => Ok(answer.result.unwrap_or_default().count),
            Err(Error { failure: Failure::NotFound(_), .. }) => Ok(0),
            Err(error) => Err(error),
        }
    }
}
