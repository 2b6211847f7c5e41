//! Deletion of a tenant's points and of its collection.

use domain::vectors::TENANT_FIELD;
use qdrant_client::qdrant::{Condition, CountPoints, DeletePointsBuilder, Filter};

use super::{Failure, Operation, VectorDatabase, VectorError, request};

impl VectorDatabase {
    /// Deletes the points of a tenant in a collection.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn delete_points(&self, collection: &str, tenant_uid: &str) -> Result<(), VectorError> {
        let delete = DeletePointsBuilder::new(collection).points(of_tenant(tenant_uid)).wait(true);
        request(Operation::DeletePoints, collection, self.client.delete_points(delete)).await.map(drop)
    }

    /// Returns the number of points of a tenant in a collection.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn count_points(&self, collection: &str, tenant_uid: &str) -> Result<u64, VectorError> {
        let count = CountPoints {
            collection_name: collection.to_owned(),
            filter: Some(of_tenant(tenant_uid)),
            exact: Some(true),
            ..Default::default()
        };
        let answer = request(Operation::CountPoints, collection, self.client.count(count)).await?;
        Ok(answer.result.unwrap_or_default().count)
    }

    /// Deletes a collection with its aliases. One that does not exist is not an error.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn delete_collection(&self, collection: &str) -> Result<(), VectorError> {
        match request(Operation::Delete, collection, self.client.delete_collection(collection)).await {
            Ok(_) | Err(VectorError { failure: Failure::NotFound(_), .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn of_tenant(uid: &str) -> Filter {
    Filter::must([Condition::matches(TENANT_FIELD, uid.to_owned())])
}
