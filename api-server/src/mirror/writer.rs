//! The writer: receives the changes that the reflectors read, and applies as many as are waiting in one
//! transaction.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error,
    apply::{
        apply,
        quarantine::{self, Reason},
    },
    change::Change,
    memory::Pending,
    metrics::Metrics,
};
use crate::db::MirrorPool;

/// Maximum number of changes in one transaction: some 100 ms of work, so that callers who wait for a lock do
/// not wait long.
const BATCH_SIZE: usize = 100;
/// Delay between attempts while the database cannot be reached. The reflectors wait meanwhile, since the
/// channel fills up.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Task that applies the changes received over a channel.
pub(super) struct Writer {
    pub pool: MirrorPool,
    /// UID of the cluster that the changes are read from.
    pub cluster: Uuid,
    pub changes: mpsc::Receiver<Pending>,
    /// Notified after every batch.
    pub written: [Arc<Notify>; 3],
    pub metrics: Metrics,
    pub stop: CancellationToken,
}

impl Writer {
    /// Applies changes until the mirror is stopped, or the cluster may no longer be projected.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut received_changes = Vec::with_capacity(BATCH_SIZE);
        loop {
            let received = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                received = self.changes.recv_many(&mut received_changes, BATCH_SIZE) => received,
            };
            if received == 0 {
                return Ok(());
            }
            let (batch, memory): (Vec<_>, Vec<_>) =
                received_changes.drain(..).map(|Pending { change, memory }| (change, memory)).unzip();
            self.write(&batch).await?;
            self.metrics.count_changes(&batch);
            for waiting in &self.written {
                waiting.notify_one();
            }
            for change in batch {
                acknowledge(change);
            }
            drop(memory);
        }
    }

    async fn write(&self, batch: &[Change]) -> Result<(), Error> {
        loop {
            match apply(&self.pool, Some(self.cluster), batch).await {
                Err(error) if error.is_refusal() => return self.write_one_by_one(batch).await,
                Err(Error::Halted) => return Err(Error::Halted),
                Err(error) => self.wait_to_retry(&error).await?,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Applies each change in a transaction of its own and quarantines those that the database cannot hold.
    async fn write_one_by_one(&self, batch: &[Change]) -> Result<(), Error> {
        for change in batch {
            loop {
                match (apply(&self.pool, Some(self.cluster), std::slice::from_ref(change)).await, change) {
                    (Ok(()), _) => break,
                    (Err(error), Change::Upserted(object)) if error.is_refusal() => {
                        let problem = error.chain();
                        let mut connection = self
                            .pool
                            .inner()
                            .acquire()
                            .await
                            .map_err(Error::database("take a connection"))?;
                        quarantine::add(&mut connection, object, Reason::Refused, &problem).await?;
                        break;
                    }
                    (Err(Error::Halted), _) => return Err(Error::Halted),
                    (Err(error), _) => self.wait_to_retry(&error).await?,
                }
            }
        }
        Ok(())
    }

    async fn wait_to_retry(&self, error: &Error) -> Result<(), Error> {
        tracing::warn!(error = error.chain(), "changes cannot be written; the write is retried");
        tokio::select! {
            () = self.stop.cancelled() => Err(Error::Ended { part: "writer" }),
            () = tokio::time::sleep(RETRY_DELAY) => Ok(()),
        }
    }
}

fn acknowledge(change: Change) {
    if let Change::ListCompleted(list) = change
        && let Some(stored) = list.stored
    {
        // The reflector that waited may have been stopped.
        let _ = stored.send(());
    }
}
