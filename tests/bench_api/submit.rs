//! Starts of runs, in turn with the bare creation of the same object in Kubernetes.

use std::time::Instant;

use tests::{
    api_router::{ACCOUNT, GROUPS},
    cluster::client_as,
};

use super::{
    load::{Connection, Target},
    platform::{Platform, create_run},
    table::Results,
};

/// Number of runs of a round. Nobody executes them, so they remain queued.
const RUNS: usize = 100;

/// Starts runs one after the other, and adds their durations to the results.
pub(crate) async fn measure(
    submit: &Target,
    platform: &Platform,
    results: &mut Results,
) -> anyhow::Result<()> {
    let kubernetes = client_as(ACCOUNT, &GROUPS).await?;
    let mut connection = Connection::open(submit.address).await?;
    // The first request of each client opens a connection to Kubernetes.
    connection.send(submit, 0).await?;
    create_run(&kubernetes, &platform.namespace).await?;
    for _ in 0..RUNS {
        let sent = Instant::now();
        connection.send(submit, 0).await?;
        results.submit.times.push(sent.elapsed());
        let sent = Instant::now();
        create_run(&kubernetes, &platform.namespace).await?;
        results.creation.times.push(sent.elapsed());
    }
    Ok(())
}
