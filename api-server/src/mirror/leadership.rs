//! Mirrors while this replica is the leader: starts the reflectors, the writer and the status updates, and
//! starts them again after a failure.

use std::time::Duration;

use kube::Client;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error,
    cluster::{self, ClusterStatus},
    kube_api,
    memory::{MemoryLimit, Pending},
    metrics::Metrics,
    reflector::{IDLE_TIMEOUT, Reflector},
    status_update::StatusUpdater,
    writer::Writer,
};
use crate::{db::MirrorPool, project::Kind};

/// Capacity of the channel between reflectors and writer. The memory of what it contains is limited separately.
const CHANNEL_CAPACITY: usize = 64;
/// Delay before the tasks are started again, after a failure or while the cluster is not accepted.
const RESTART_DELAY: Duration = Duration::from_secs(5);

/// Dependencies of the mirror while this replica leads.
pub(super) struct Leadership {
    pub client: Client,
    pub pool: MirrorPool,
    pub compute: compute::Pool,
    pub metrics: Metrics,
}

impl Leadership {
    /// Mirrors until `stop` is cancelled. After a failure all tasks are started again.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.mirror(stop).await {
                tracing::error!(error = error.chain(), "mirroring failed and is started again");
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
        let (sender, changes) = mpsc::channel(CHANNEL_CAPACITY);
        let mut tasks = JoinSet::new();
        let (pool, client, stop) = (self.pool.clone(), self.client.clone(), stop.clone());
        let updater = StatusUpdater {
            pool: pool.clone(),
            client: client.clone(),
            compute: self.compute.clone(),
            stop: stop.clone(),
        };
        let written = updater.start(&mut tasks);
        let metrics = self.metrics.clone();
        tasks.spawn(Writer { pool, cluster, changes, written, metrics, stop: stop.clone() }.run());
        tasks.spawn(reflect_all(client, cluster, sender, stop));
        tasks
    }
}

/// Lists the kinds one after the other, referenced kinds first, and watches each of them after its list.
async fn reflect_all(
    client: Client,
    cluster: Uuid,
    changes: mpsc::Sender<Pending>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let (mut watches, memory) = (JoinSet::new(), MemoryLimit::default());
    for kind in Kind::ALL {
        let (client, changes, stop) = (client.clone(), changes.clone(), stop.clone());
        let (idle_timeout, memory) = (IDLE_TIMEOUT, memory.clone());
        let reflector = Reflector { kind, client, cluster, changes, memory, idle_timeout, stop };
        let Some(version) = reflector.list_until_stored().await? else { return Ok(()) };
        watches.spawn(reflector.watch_from(version));
    }
    flatten(watches.join_next().await)
}

fn flatten(ended: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    ended.unwrap_or(Ok(Ok(()))).unwrap_or(Err(Error::Ended { part: "task, which panicked" }))
}
