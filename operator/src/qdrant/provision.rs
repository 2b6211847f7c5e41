//! Set-up of collections and aliases. Doing so twice, or by two operators at once, has the same result.

use std::sync::Arc;

use domain::vectors::{Collection, Comparison, Mismatch, Owner, compare};

use super::{Failure, Operation, VectorDatabase, VectorError};

/// Reason for which a collection or an alias cannot be set up.
#[derive(Clone, Debug)]
pub(crate) enum ProvisionError {
    /// A request to the vector database failed.
    Failed(Arc<VectorError>),
    /// The collection belongs to somebody else.
    NotOurs(String, Option<Owner>),
    /// Properties of the collection that cannot be changed differ.
    Immutable(String, Vec<Mismatch>),
    /// The alias names a collection of somebody else.
    AliasTaken {
        /// The alias.
        alias: String,
        /// Collection that it names.
        collection: String,
    },
}

impl From<VectorError> for ProvisionError {
    fn from(error: VectorError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl VectorDatabase {
    /// Creates a collection unless it exists, and corrects what can be changed. The tenant index is a request of its own: after a
    /// crash between the two, the next set-up creates it.
    ///
    /// # Errors
    /// Returns an error if the database fails, or if the collection is not ours or not as it should be.
    pub(super) async fn provision(&self, desired: &Collection) -> Result<(), ProvisionError> {
        let mut observed = self.observe(&desired.name).await?;
        if observed.is_none() {
            self.create(desired).await?;
            observed = self.observe(&desired.name).await?;
        }
        let observed = observed.ok_or_else(|| VectorError {
            operation: Operation::Read,
            name: desired.name.clone(),
            failure: Failure::NotFound("it was deleted meanwhile".to_owned()),
        })?;
        match compare(desired, &observed) {
            Comparison::NotOurs(owner) => Err(ProvisionError::NotOurs(desired.name.clone(), owner)),
            Comparison::Immutable(found) => Err(ProvisionError::Immutable(desired.name.clone(), found)),
            Comparison::Mutable(differences) => {
                for difference in differences {
                    self.correct(desired, difference).await?;
                }
                Ok(())
            }
        }
    }

    /// Points the tenant's alias at its collection. One that names the collection of an earlier tenant with the same slug is moved;
    /// that collection remains.
    ///
    /// # Errors
    /// Returns an error if the database fails, or if the alias names a collection that is not ours.
    pub(crate) async fn provision_alias(
        &self,
        alias: &str,
        desired: &Collection,
    ) -> Result<(), ProvisionError> {
        match self.alias_target(alias).await? {
            Some(target) if target == desired.name => Ok(()),
            Some(target) if !self.is_ours(&target).await? => {
                Err(ProvisionError::AliasTaken { alias: alias.to_owned(), collection: target })
            }
            _ => Ok(self.point_alias(alias, &desired.name).await?),
        }
    }

    async fn is_ours(&self, collection: &str) -> Result<bool, VectorError> {
        let owner = self.owner_of(collection).await?;
        Ok(owner.is_some_and(|owner| owner.installation == self.installation))
    }
}
