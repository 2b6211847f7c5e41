//! Pools with the roles of the running process, for the database that `#[sqlx::test]` created as its owner.

mod round_trips;

use sqlx::{PgPool, postgres::PgConnectOptions};

use super::{AppPool, MirrorPool};
pub(crate) use round_trips::{Counts, RoundTrips};

/// Connects a pool with the role that row-level security applies to.
pub(crate) async fn app_pool(owner: &PgPool) -> AppPool {
    AppPool::for_tests(options(owner)).await.unwrap()
}

/// Connects a pool with the role that writes the projection.
pub(crate) async fn mirror_pool(owner: &PgPool) -> MirrorPool {
    MirrorPool::for_tests(options(owner)).await.unwrap()
}

/// Connects both pools through a proxy that counts their round trips.
pub(crate) async fn counted_pools(owner: &PgPool) -> (AppPool, MirrorPool, RoundTrips) {
    let (options, trips) = round_trips::count(options(owner)).await;
    let app = AppPool::for_tests(options.clone()).await.unwrap();
    (app, MirrorPool::for_tests(options).await.unwrap(), trips)
}

fn options(owner: &PgPool) -> PgConnectOptions {
    owner.connect_options().as_ref().clone()
}
