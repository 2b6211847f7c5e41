//! Writing and deleting points. Each write has reached the disk of Qdrant when it returns, and can be repeated.

use qdrant_client::qdrant::{DeletePointsBuilder, SetPayloadPointsBuilder, UpsertPointsBuilder};

use super::{
    Attributes, Error, Failure, KnowledgeBase, Operation, Point, PointFilter, Vectors, client::request,
};

/// Number of points of one request: about 1 MiB with vectors of 384 dimensions. A dedicated collection permits 1,000.
const BATCH: usize = 256;

impl Vectors {
    /// Writes points, which replace those with the same IDs.
    ///
    /// # Errors
    /// Returns an error if Qdrant is unavailable or refuses a request. Some of the points are written then.
    pub async fn upsert(&self, base: &KnowledgeBase, points: &[Point<'_>]) -> Result<(), Error> {
        for batch in points.chunks(BATCH) {
            let points: Vec<_> = batch.iter().map(|point| point.to_qdrant(base)).collect();
            let upsert = UpsertPointsBuilder::new(base.collection(), points).wait(true);
            request(Operation::Upsert, base, self.client.upsert_points(upsert)).await?;
        }
        Ok(())
    }

    /// Replaces the attributes of points.
    ///
    /// # Errors
    /// Returns an error if Qdrant is unavailable or refuses the request.
    pub async fn set_attributes(
        &self,
        filter: &PointFilter<'_>,
        attributes: &Attributes,
    ) -> Result<(), Error> {
        let base = filter.base();
        let set = SetPayloadPointsBuilder::new(base.collection(), attributes.to_payload());
        let set = set.points_selector(filter.to_qdrant()).wait(true);
        request(Operation::SetAttributes, base, self.client.set_payload(set)).await.map(drop)
    }

    /// Deletes points. A collection that does not exist has none.
    ///
    /// # Errors
    /// Returns an error if Qdrant is unavailable or refuses the request.
    pub async fn delete(&self, filter: &PointFilter<'_>) -> Result<(), Error> {
        let base = filter.base();
        let delete = DeletePointsBuilder::new(base.collection()).points(filter.to_qdrant()).wait(true);
        match request(Operation::Delete, base, self.client.delete_points(delete)).await {
            Ok(_) | Err(Error { failure: Failure::NotFound(_), .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
