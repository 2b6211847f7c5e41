//! One term of mirroring: from getting the lease to losing it, or to meeting another cluster.

use std::time::Duration;

use kube::Client;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error, Mirror,
    change::Change,
    cluster::{self, Standing},
    follow::{Follower, SILENCE},
    kube_api,
    tell::Teller,
    write::Writer,
};
use crate::project::Kind;

/// Changes between followers and writer; a run may have 1 MiB.
const CHANNEL: usize = 64;
/// Between looks at a cluster that may not be projected, or an API server that is away.
const PAUSE: Duration = Duration::from_secs(5);

impl Mirror {
    /// Mirrors until it is stopped. What fails is begun anew.
    pub(super) async fn lead(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.term(stop).await {
                tracing::error!(error = error.chain(), "mirroring begins anew");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn term(&self, stop: &CancellationToken) -> Result<(), Error> {
        let cluster = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            cluster = kube_api::cluster_uid(&self.client) => cluster?,
        };
        if cluster::check(&self.pool, cluster).await? == Standing::Halted {
            return Err(Error::Halted);
        }
        let stop = stop.child_token();
        let mut tasks = self.start(cluster, &stop);
        let first = outcome(tasks.join_next().await);
        stop.cancel();
        while tasks.join_next().await.is_some() {}
        first
    }

    fn start(&self, cluster: Uuid, stop: &CancellationToken) -> JoinSet<Result<(), Error>> {
        let (sender, changes) = mpsc::channel(CHANNEL);
        let mut tasks = JoinSet::new();
        let (pool, client, stop) = (self.pool.clone(), self.client.clone(), stop.clone());
        let written =
            Teller { pool: pool.clone(), client: client.clone(), stop: stop.clone() }.start(&mut tasks);
        let metrics = self.metrics.clone();
        tasks.spawn(Writer { pool, cluster, changes, written, metrics, stop: stop.clone() }.run());
        tasks.spawn(follow_all(client, cluster, sender, stop));
        tasks
    }
}

/// Lists one kind after the other, what is referred to first, and watches each from then on.
async fn follow_all(
    client: Client,
    cluster: Uuid,
    changes: mpsc::Sender<Change>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let mut watches = JoinSet::new();
    for kind in Kind::ALL {
        let (client, changes, stop) = (client.clone(), changes.clone(), stop.clone());
        let follower = Follower { kind, client, cluster, changes, silence: SILENCE, stop };
        let Some(version) = follower.sync().await? else { return Ok(()) };
        watches.spawn(follower.run(version));
    }
    outcome(watches.join_next().await)
}

fn outcome(ended: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    ended.unwrap_or(Ok(Ok(()))).unwrap_or(Err(Error::Ended { part: "task, which panicked" }))
}
