//! Set-up of a tenant's collection and alias.

use super::plan::Desired;
use crate::qdrant::{ProvisionError, VectorDatabase};

/// Proof that the vector storage of a tenant is set up.
#[derive(Debug)]
pub(super) struct Applied {
    /// Physical name of the collection.
    pub(super) collection: String,
}

/// Sets up the vector storage of a tenant.
///
/// # Errors
/// Returns an error if the database fails, or if the collection or the alias is not ours or not as it should be.
pub(super) async fn apply(database: &VectorDatabase, desired: &Desired) -> Result<Applied, ProvisionError> {
    let Desired { collection, alias, model: _ } = desired;
    database.provision_collection(collection).await?;
    if let Some(alias) = alias {
        database.provision_alias(alias, collection).await?;
    }
    Ok(Applied { collection: collection.name.clone() })
}
