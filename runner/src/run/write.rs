//! Writes that outlive a restart of the API server.

use std::time::Duration;

use crds::WorkflowRun;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{
    chain::chain,
    store::{Store, WriteError},
};

/// The operator takes a pod whose node is silent for 30 s as lost; a runner that can reach nobody for longer
/// than this has most likely been replaced, and is refused when it is heard again.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Repeats the write while another try may help. That it was done though its answer was lost shows as a
/// conflict, because the patch names the version that it was made for.
pub(super) async fn write(
    store: &impl Store,
    run: &str,
    patch: Vec<Value>,
) -> Result<WorkflowRun, WriteError> {
    let until = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        match store.patch_status(run, &patch).await {
            Err(error @ WriteError::Transient { .. }) if Instant::now() < until => {
                warn!(error = %chain(&error), run.name = run, "trying to write again");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            written => return written,
        }
    }
}
