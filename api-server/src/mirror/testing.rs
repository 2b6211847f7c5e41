//! Applies changes without a cluster, for tests.

use sqlx::PgPool;

use super::{Error, apply::apply, change::Change};
use crate::{db::testing::mirror_pool, project::Object};

/// Stores objects in the database that `#[sqlx::test]` created.
pub(crate) async fn store(owner: &PgPool, objects: impl IntoIterator<Item = Object>) {
    let changes: Vec<_> = objects.into_iter().map(upserted).collect();
    try_apply(owner, &changes).await.unwrap();
}

/// Applies the deletion of an object in Kubernetes at this resource version.
pub(crate) async fn delete(owner: &PgPool, object: &Object, version: i64) {
    try_apply(owner, &[deleted(object, version)]).await.unwrap();
}

/// Applies changes and returns the result.
pub(super) async fn try_apply(owner: &PgPool, changes: &[Change]) -> Result<(), Error> {
    apply(&mirror_pool(owner).await, None, changes).await
}

/// Returns the change that stores the object.
pub(super) fn upserted(object: Object) -> Change {
    Change::Upserted(Box::new(object))
}

/// Returns the change that deletes the object at this resource version.
pub(super) fn deleted(object: &Object, version: i64) -> Change {
    let mut identity = object.identity.clone();
    identity.resource_version = version;
    Change::Deleted(identity)
}
