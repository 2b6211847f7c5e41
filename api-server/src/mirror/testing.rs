//! Applies changes without a cluster, for tests.

use sqlx::PgPool;

use super::{
    Error, Signals,
    apply::apply,
    change::{Change, Upsert},
    signals::Senders,
};
use crate::{
    db::testing::mirror_pool,
    project::{Object, Projection},
};

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
    apply(&mirror_pool(owner).await, None, changes).await.map(drop)
}

/// Returns the change that stores the object.
pub(super) fn upserted(object: Object) -> Change {
    Change::Upserted(Box::new(Upsert { projection: Projection::new(object), read_up_to: None }))
}

/// Returns the change that deletes the object at this resource version.
pub(super) fn deleted(object: &Object, version: i64) -> Change {
    let mut identity = object.identity.clone();
    identity.resource_version = version;
    Change::Deleted(identity)
}

/// Returns the signals of a replica that is the leader as long as the first value exists.
pub(crate) fn leading() -> (impl Sized, Signals) {
    let senders = Senders::default();
    senders.set_leading(true);
    let signals = senders.subscribe();
    (senders, signals)
}
