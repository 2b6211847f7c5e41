//! Rate of the operator's requests.

use std::time::Duration;

use tokio::{sync::oneshot, task::JoinHandle};

use super::metrics::Metrics;

const INTERVAL: Duration = Duration::from_secs(1);

/// Observer of the requests of each second, in a task of its own.
pub(super) struct Rate {
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<u64>>,
}

impl Rate {
    /// Begins to observe the requests.
    pub(super) fn observe(metrics: Metrics) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let (mut last, mut most) = (metrics.requests().await?, 0);
            loop {
                let is_last = tokio::time::timeout(INTERVAL, &mut stopped).await.is_ok();
                let now = metrics.requests().await?;
                most = most.max(now.since(&last).total());
                last = now;
                if is_last {
                    return Ok(most);
                }
            }
        });
        Self { stop, task }
    }

    /// Returns the highest number of requests in a second.
    pub(super) async fn end(self) -> anyhow::Result<u64> {
        // The task ends by itself if the metrics cannot be read.
        let _ = self.stop.send(());
        self.task.await?
    }
}
