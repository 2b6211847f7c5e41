//! Pools in the roles of the running process, over the database that `#[sqlx::test]` made as its owner.

use sqlx::PgPool;

use super::{AppPool, MirrorPool};

/// A pool that row-level security holds for.
pub(crate) async fn app_pool(owner: &PgPool) -> AppPool {
    AppPool::of_test(owner.connect_options().as_ref().clone()).await.unwrap()
}

/// A pool that may write the projection.
pub(crate) async fn mirror_pool(owner: &PgPool) -> MirrorPool {
    MirrorPool::of_test(owner.connect_options().as_ref().clone()).await.unwrap()
}
