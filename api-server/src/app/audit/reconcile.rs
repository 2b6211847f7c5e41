//! Operations whose process has died before it could write their outcome.

use std::{convert::Infallible, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    db::MirrorPool,
    store::{
        self,
        audit::{NewOutcome, OpenIntent, Outcome, Writer, expired},
    },
};

/// Interval between two searches.
const INTERVAL: Duration = Duration::from_secs(60);
/// Code of the outcome.
const INTERRUPTED: &str = "interrupted";

/// Writes the outcome `UNKNOWN` for operations that were interrupted: at the start of the process, and every minute until `stop` is
/// cancelled. Several replicas may do it at the same time: each operation gets one outcome.
///
/// # Errors
/// Never returns an error: a failure is retried.
pub async fn reconcile(pool: MirrorPool, stop: CancellationToken) -> Result<(), Infallible> {
    loop {
        if let Err(error) = reconcile_once(&pool).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "failed to record the outcome of interrupted operations; this is retried");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// Writes the outcome of all operations whose time is over.
pub(crate) async fn reconcile_once(pool: &MirrorPool) -> Result<(), store::Error> {
    let writer = Writer::Jobs(pool.clone());
    loop {
        let found = expired(pool).await?;
        if found.is_empty() {
            return Ok(());
        }
        for OpenIntent { chain, id } in found {
            let (outcome, code) = (Outcome::Unknown, Some(INTERRUPTED));
            let row = NewOutcome { chain, id, outcome, code, object: None, changes: None };
            if writer.end(&row).await? {
                tracing::warn!(audit.id = %id, "an operation was interrupted: its outcome is recorded as unknown");
            }
        }
    }
}
