//! Mirrors while this replica is the leader: starts the reflectors, the writer and the status updates, and
//! starts them again after a failure.

use std::time::Duration;

use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error, Options,
    apply::quarantine,
    canary::Canary,
    cluster::{self, ClusterStatus},
    kube_api,
    metrics::Metrics,
    queue::Queue,
    reflector::{IDLE_TIMEOUT, Reflector},
    signals::Senders,
    status_update::StatusUpdater,
    writer::Writer,
};
use crate::{db::MirrorPool, project::Kind};

/// Interval between counts of the objects in the quarantine.
const QUARANTINE_INTERVAL: Duration = Duration::from_secs(30);
/// Delay before the tasks are started again, after a failure or while the cluster is not accepted.
const RESTART_DELAY: Duration = Duration::from_secs(5);

/// Dependencies of the mirror while this replica leads.
pub(super) struct Leadership {
    pub client: Client,
    pub pool: MirrorPool,
    pub compute: compute::Pool,
    pub options: Options,
    pub metrics: Metrics,
    pub signals: Senders,
}

impl Leadership {
    /// Mirrors until `stop` is cancelled. After a failure all tasks are started again.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.mirror(stop).await {
                tracing::error!(error = error.chain(), "mirroring failed and is started again");
                self.metrics.count_restart();
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(RESTART_DELAY) => {}
            }
        }
    }

    /// Mirrors until `stop` is cancelled or the first task ends, and returns the result of that task.
    async fn mirror(&self, stop: &CancellationToken) -> Result<(), Error> {
        let cluster = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            cluster = kube_api::cluster_uid(&self.client) => cluster?,
        };
        if cluster::check(&self.pool, cluster).await? == ClusterStatus::Halted {
            return Err(Error::Halted);
        }
        let stop = stop.child_token();
        let mut tasks = self.start(cluster, &stop);
        let first = flatten(tasks.join_next().await);
        stop.cancel();
        while tasks.join_next().await.is_some() {}
        first
    }

    fn start(&self, cluster: Uuid, stop: &CancellationToken) -> JoinSet<Result<(), Error>> {
        let (queue, mut tasks) = (Queue::default(), JoinSet::new());
        let (pool, client, stop) = (self.pool.clone(), self.client.clone(), stop.clone());
        let updater = StatusUpdater {
            pool: pool.clone(),
            client: client.clone(),
            compute: self.compute.clone(),
            stop: stop.clone(),
        };
        let written = updater.start(&mut tasks);
        let (metrics, signals) = (self.metrics.clone(), self.signals.clone());
        tasks.spawn(report_quarantine(pool.clone(), metrics.clone(), stop.clone()));
        let canary = Canary {
            client: client.clone(),
            options: self.options.clone(),
            queue: queue.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(canary.run());
        let reflector = |kind| Reflector {
            kind,
            client: client.clone(),
            cluster,
            pool: pool.clone(),
            queue: queue.clone(),
            metrics: metrics.clone(),
            idle_timeout: IDLE_TIMEOUT,
            stop: stop.clone(),
        };
        tasks.spawn(reflect_all(Kind::ALL.map(reflector)));
        let writer = Writer { pool, cluster, queue, written, metrics, signals, stop };
        tasks.spawn(writer.run());
        tasks
    }
}

/// Lists the kinds one after the other, referenced kinds first, and watches each of them after its list.
async fn reflect_all(reflectors: [Reflector; 4]) -> Result<(), Error> {
    let mut watches = JoinSet::new();
    for reflector in reflectors {
        let Some(version) = reflector.list_until_stored().await? else { return Ok(()) };
        watches.spawn(reflector.watch_from(version));
    }
    flatten(watches.join_next().await)
}

/// Updates the metric of quarantined objects at intervals, until `stop` is cancelled.
async fn report_quarantine(pool: MirrorPool, metrics: Metrics, stop: CancellationToken) -> Result<(), Error> {
    loop {
        match quarantine::counts(&pool).await {
            Ok(counts) => {
                counts.into_iter().for_each(|(reason, count)| metrics.set_quarantined(reason, count))
            }
            Err(error) => tracing::debug!(error = error.chain(), "the quarantine cannot be counted"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(QUARANTINE_INTERVAL) => {}
        }
    }
}

fn flatten(ended: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    ended.unwrap_or(Ok(Ok(()))).unwrap_or(Err(Error::Ended { part: "task, which panicked" }))
}
