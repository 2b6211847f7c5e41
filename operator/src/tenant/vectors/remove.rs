//! Removal of a deleted tenant's vectors.

use crds::{Tenant, tenant::TenantVectors};
use domain::vectors::Owner;
use kube::ResourceExt as _;

use crate::{
    context::Context,
    qdrant::{VectorDatabase, VectorError},
};

/// Reason for which a tenant's vectors are not removed yet.
#[derive(Debug, thiserror::Error)]
pub(in crate::tenant) enum RemovalError {
    /// A request to the vector database failed. It is repeated.
    #[error(transparent)]
    Failed(#[from] VectorError),
    /// The installation has no vector database any more.
    #[error(
        "failed to remove the vectors in collection {0}: this installation has no vector database: set qdrant.url in the values of \
         the chart, or set spec.deletionPolicy to Retain"
    )]
    NotConfigured(String),
    /// Points are left after the removal.
    #[error("failed to remove all vectors: {points} points are left in collection {collection}")]
    Remaining {
        /// Physical name of the collection.
        collection: String,
        /// Number of points.
        points: u64,
    },
}

/// Removes the vectors of a tenant, and verifies that none are left. A collection that does not exist, or that is not ours, has none.
///
/// # Errors
/// Returns an error if the database cannot be reached or refuses a request, or if points are left.
pub(in crate::tenant) async fn remove_vectors(ctx: &Context, tenant: &Tenant) -> Result<(), RemovalError> {
    let saved = tenant.status.as_ref().and_then(|status| status.vectors.as_ref());
    let Some(TenantVectors { collection: Some(collection), .. }) = saved else { return Ok(()) };
    let database = ctx.vectors.as_ref().ok_or_else(|| RemovalError::NotConfigured(collection.clone()))?;
    let Some(owner) = database.owner_of(collection).await? else { return Ok(()) };
    let uid = tenant.uid().unwrap_or_default();
    match owner {
        Owner { installation, .. } if installation != database.installation => Ok(()),
        Owner { tenant: None, .. } => remove_points(database, collection, &uid).await,
        Owner { tenant: Some(owner), .. } if owner == uid => {
            remove_collection(database, collection, &uid).await
        }
        Owner { tenant: Some(_), .. } => Ok(()),
    }
}

async fn remove_points(database: &VectorDatabase, collection: &str, uid: &str) -> Result<(), RemovalError> {
    database.delete_points(collection, uid).await?;
    match database.count_points(collection, uid).await? {
        0 => Ok(()),
        points => Err(RemovalError::Remaining { collection: collection.to_owned(), points }),
    }
}

/// Deletes the collection, and its aliases with it.
async fn remove_collection(
    database: &VectorDatabase,
    collection: &str,
    uid: &str,
) -> Result<(), RemovalError> {
    database.delete_collection(collection).await?;
    if database.observe(collection).await?.is_none() {
        return Ok(());
    }
    let points = database.count_points(collection, uid).await?;
    Err(RemovalError::Remaining { collection: collection.to_owned(), points })
}
