//! Export of the lines to the api-server.

use std::{sync::Arc, time::Duration};

use protocol::internal::{LogBatch, LogLine};
use telemetry::errors::chain;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use crate::{
    api::ApiServer,
    logs::export_queue::{Batch, ExportQueue, Urgency},
    retry::Transient as _,
};

/// Time for which a line waits for further ones. A reader who follows a log does not notice it, and it limits the
/// api-server to five writes per second.
const BATCH_DELAY: Duration = Duration::from_millis(200);
const MIN_RETRY_DELAY: Duration = Duration::from_millis(200);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Time for which a stopping pod retries the export of its last lines.
const FINAL_RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Destination of the lines, and the pod that sends them.
#[derive(Debug)]
pub(crate) struct LogExporter {
    pub(crate) api: ApiServer,
    /// Name of this pod.
    pub(crate) pod: String,
}

/// Sends batches until the queue is closed and empty.
pub(super) async fn run(exporter: LogExporter, queue: Arc<ExportQueue>) {
    while let Some(urgency) = queue.next_urgency().await {
        if urgency == Urgency::CanWait {
            let _ = timeout(BATCH_DELAY, queue.until_urgent()).await;
        }
        if let Some(Batch { run_uid, lines }) = queue.take() {
            let count = lines.len();
            send(&exporter, &queue, &run_uid, lines).await;
            queue.complete(count);
        }
    }
}

/// Sends a batch, with retries until it succeeds, fails permanently, or the queue has been closed for
/// [`FINAL_RETRY_TIMEOUT`].
async fn send(exporter: &LogExporter, queue: &ExportQueue, run_uid: &str, lines: Vec<LogLine>) {
    let batch = LogBatch { pod: exporter.pod.clone(), lines };
    let mut delay = MIN_RETRY_DELAY;
    let mut closed_at = None;
    loop {
        let Err(error) = exporter.api.send_logs(run_uid, &batch).await else { return };
        if queue.is_closed() {
            closed_at.get_or_insert_with(Instant::now);
        }
        let is_overdue = closed_at.is_some_and(|at| at.elapsed() > FINAL_RETRY_TIMEOUT);
        if !error.is_transient() || is_overdue {
            let count = batch.lines.len();
            warn!(error = %chain(&error), run.id = run_uid, lines = count, "failed to export log lines; dropping them");
            return;
        }
        sleep(delay).await;
        delay = (delay * 2).min(MAX_RETRY_DELAY);
    }
}
