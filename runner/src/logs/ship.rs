//! Sends lines to the api-server.

use std::{sync::Arc, time::Duration};

use protocol::internal::{LogBatch, LogLine};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use crate::{
    api::ApiServer,
    chain::chain,
    logs::queue::{Batch, Queue, Urgency},
};

/// How long a line waits for others. Who follows a log does not notice, and the api-server writes five times a second
/// at most.
const GATHER: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a leaving pod tries to get rid of its last lines.
const LAST_TRIES: Duration = Duration::from_secs(5);

/// Where to, and as whom.
#[derive(Debug)]
pub(crate) struct Shipping {
    pub(crate) api: ApiServer,
    pub(crate) pod: String,
}

/// Runs until the queue is closed and empty.
pub(super) async fn ship(shipping: Shipping, queue: Arc<Queue>) {
    while let Some(urgency) = queue.wait().await {
        if urgency == Urgency::CanWait {
            let _ = timeout(GATHER, queue.urgent()).await;
        }
        if let Some(Batch { run_uid, lines }) = queue.take() {
            let count = lines.len();
            send(&shipping, &queue, &run_uid, lines).await;
            queue.done(count);
        }
    }
}

/// Tries until it is done, it makes no sense any more, or the pod leaves.
async fn send(shipping: &Shipping, queue: &Queue, run_uid: &str, lines: Vec<LogLine>) {
    let batch = LogBatch { pod: shipping.pod.clone(), lines };
    let mut pause = FIRST_PAUSE;
    let mut closed_at = None;
    loop {
        let Err(error) = shipping.api.send_logs(run_uid, &batch).await else { return };
        if queue.is_closed() {
            closed_at.get_or_insert_with(Instant::now);
        }
        let is_late = closed_at.is_some_and(|at| at.elapsed() > LAST_TRIES);
        if !error.is_transient() || is_late {
            let count = batch.lines.len();
            warn!(error = %chain(&error), run.id = run_uid, lines = count, "lines of a log are not kept");
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
