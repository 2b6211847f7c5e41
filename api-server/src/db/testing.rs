//! Pools with the roles of the running process, for the database that `#[sqlx::test]` created as its owner.

use sqlx::PgPool;

use super::{AppPool, MirrorPool};

/// Connects a pool with the role that row-level security applies to.
pub(crate) async fn app_pool(owner: &PgPool) -> AppPool {
    AppPool::for_tests(owner.connect_options().as_ref().clone()).await.unwrap()
}

/// Connects a pool with the role that writes the projection.
pub(crate) async fn mirror_pool(owner: &PgPool) -> MirrorPool {
    MirrorPool::for_tests(owner.connect_options().as_ref().clone()).await.unwrap()
}
