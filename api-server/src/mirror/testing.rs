//! Changes without a cluster, for tests.

use sqlx::PgPool;

use super::{Error, apply::apply, change::Change};
use crate::{db::testing::mirror_pool, project::Object};

/// Stores objects in the database that `#[sqlx::test]` made.
pub(crate) async fn store(owner: &PgPool, objects: impl IntoIterator<Item = Object>) {
    let changes: Vec<_> = objects.into_iter().map(put).collect();
    try_changes(owner, &changes).await.unwrap();
}

/// The object is gone from Kubernetes, at this version.
pub(crate) async fn forget(owner: &PgPool, object: &Object, version: i64) {
    try_changes(owner, &[gone(object, version)]).await.unwrap();
}

/// Takes in changes.
pub(super) async fn try_changes(owner: &PgPool, changes: &[Change]) -> Result<(), Error> {
    apply(&mirror_pool(owner).await, None, changes).await
}

pub(super) fn put(object: Object) -> Change {
    Change::Put(Box::new(object))
}

/// The object is gone, at this version.
pub(super) fn gone(object: &Object, version: i64) -> Change {
    let mut identity = object.identity.clone();
    identity.resource_version = version;
    Change::Gone(identity)
}
