//! The writer: takes what the followers tell, as much at once as there is, and puts it into the database.

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
    metrics::Metrics,
};
use crate::db::MirrorPool;

/// Changes in one transaction at most: some 100 ms of work, so that callers who wait for a lock do not wait long.
const BATCH: usize = 100;
/// Between tries while the database is away; the followers wait, for the channel is full soon.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes what comes over a channel.
pub(super) struct Writer {
    pub pool: MirrorPool,
    /// The cluster that the changes are read from.
    pub cluster: Uuid,
    pub changes: mpsc::Receiver<Change>,
    /// Told after every batch.
    pub written: [Arc<Notify>; 3],
    pub metrics: Metrics,
    pub stop: CancellationToken,
}

impl Writer {
    /// Writes until it is stopped, or nothing may be projected.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let received = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                received = self.changes.recv_many(&mut batch, BATCH) => received,
            };
            if received == 0 {
                return Ok(());
            }
            self.write(&batch).await?;
            self.metrics.applied(&batch);
            for waiting in &self.written {
                waiting.notify_one();
            }
            for change in batch.drain(..) {
                acknowledge(change);
            }
        }
    }

    async fn write(&self, batch: &[Change]) -> Result<(), Error> {
        loop {
            match apply(&self.pool, Some(self.cluster), batch).await {
                Err(error) if error.is_refusal() => return self.write_singly(batch).await,
                Err(Error::Halted) => return Err(Error::Halted),
                Err(error) => self.pause(&error).await?,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// The database cannot hold one of them: the others go in, and that one is put aside.
    async fn write_singly(&self, batch: &[Change]) -> Result<(), Error> {
        for change in batch {
            loop {
                match (apply(&self.pool, Some(self.cluster), std::slice::from_ref(change)).await, change) {
                    (Ok(()), _) => break,
                    (Err(error), Change::Put(object)) if error.is_refusal() => {
                        let problem = error.chain();
                        let mut connection = self
                            .pool
                            .inner()
                            .acquire()
                            .await
                            .map_err(Error::database("take a connection"))?;
                        quarantine::put(&mut connection, object, Reason::Refused, &problem).await?;
                        break;
                    }
                    (Err(Error::Halted), _) => return Err(Error::Halted),
                    (Err(error), _) => self.pause(&error).await?,
                }
            }
        }
        Ok(())
    }

    async fn pause(&self, error: &Error) -> Result<(), Error> {
        tracing::warn!(error = error.chain(), "writing goes on later");
        tokio::select! {
            () = self.stop.cancelled() => Err(Error::Ended { part: "writer" }),
            () = tokio::time::sleep(PAUSE) => Ok(()),
        }
    }
}

fn acknowledge(change: Change) {
    if let Change::Listed(list) = change
        && let Some(stored) = list.stored
    {
        // Whoever waited may have been stopped.
        let _ = stored.send(());
    }
}
