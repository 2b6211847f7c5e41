//! The writer: takes batches of the changes that the reflectors have read, and stores each in one transaction.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use telemetry::clock;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error,
    apply::{
        apply,
        quarantine::{self, Reason},
    },
    change::{Change, Upsert},
    metrics::Metrics,
    queue::{Batch, Entry, Queue},
    signals::Senders,
};
use crate::db::MirrorPool;

/// Delay between attempts while the database cannot be reached. The reflectors wait meanwhile, once the queue is full.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Task that stores the queued changes.
pub(super) struct Writer {
    pub pool: MirrorPool,
    /// UID of the cluster that the changes are read from.
    pub cluster: Uuid,
    pub queue: Queue,
    /// Notified after every batch.
    pub written: [Arc<Notify>; 3],
    pub metrics: Metrics,
    pub signals: Senders,
    pub stop: CancellationToken,
}

impl Writer {
    /// Stores changes until the mirror is stopped, or the cluster may no longer be projected.
    pub(super) async fn run(self) -> Result<(), Error> {
        let result = self.write_batches().await;
        self.queue.close();
        result
    }

    async fn write_batches(&self) -> Result<(), Error> {
        loop {
            let batch = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                batch = self.queue.take() => batch,
            };
            self.write_batch(batch).await?;
        }
    }

    async fn write_batch(&self, mut batch: Batch) -> Result<(), Error> {
        let (mut changes, mut received, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for entry in batch.take_entries() {
            let Entry { received: at, change, memory: reserved, .. } = entry;
            received.push((change.identity().kind, at));
            changes.push(change.decode());
            memory.push(reserved);
        }
        let bookmarks = batch.bookmarks.iter();
        changes.extend(
            bookmarks.map(|(kind, version)| Change::Bookmark { kind: *kind, resource_version: *version }),
        );
        let renewal = batch.renewal;
        changes.extend(
            renewal.map(|renewal| Change::LeaseRenewed { resource_version: renewal.resource_version }),
        );
        self.write(&changes).await?;
        self.queue.complete(&batch);
        if let Some(renewal) = renewal {
            let lag = clock::now().duration_since(renewal.renewed_at);
            self.metrics.observe_canary(Duration::try_from(lag).unwrap_or_default());
        }
        let stored = Instant::now();
        for (kind, at) in received {
            self.metrics.count_change(kind, stored.duration_since(at));
        }
        for waiting in &self.written {
            waiting.notify_one();
        }
        self.signals.notify_stored();
        Ok(())
    }

    /// Stores changes, and quarantines those that the database cannot hold. These are found by halving: a few objects that are
    /// refused do not turn the batch into as many transactions as it has changes.
    async fn write(&self, changes: &[Change]) -> Result<(), Error> {
        let mut parts = VecDeque::from([changes]);
        while let Some(part) = parts.pop_front() {
            match (apply(&self.pool, Some(self.cluster), part).await, part) {
                (Ok(applied), _) => self.metrics.count_corrections(applied.corrections),
                (Err(error), [Change::Upserted(upsert)]) if error.is_refusal() => {
                    if let Err(error) = self.quarantine(upsert, &error.chain()).await {
                        self.wait_to_retry(&error).await?;
                        parts.push_front(part);
                    }
                }
                (Err(error), [_, _, ..]) if error.is_refusal() => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push_front(second);
                    parts.push_front(first);
                }
                (Err(Error::Halted), _) => return Err(Error::Halted),
                (Err(error), _) => {
                    self.wait_to_retry(&error).await?;
                    parts.push_front(part);
                }
            }
        }
        Ok(())
    }

    async fn quarantine(&self, upsert: &Upsert, problem: &str) -> Result<(), Error> {
        let mut connection =
            self.pool.inner().acquire().await.map_err(Error::database("take a connection"))?;
        quarantine::add(&mut connection, &upsert.projection.object, Reason::Refused, problem).await
    }

    async fn wait_to_retry(&self, error: &Error) -> Result<(), Error> {
        tracing::warn!(error = error.chain(), "changes cannot be written; the write is retried");
        tokio::select! {
            () = self.stop.cancelled() => Err(Error::Ended { part: "writer" }),
            () = tokio::time::sleep(RETRY_DELAY) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::testing::{store, upserted},
        project::testing::{run, tenant},
    };

    /// Objects that the database refuses are quarantined, and all others of their batch are stored.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn refused_objects_are_quarantined_and_the_others_are_stored(owner: PgPool) {
        store(&owner, [tenant("acme").build()]).await;
        let refuse =
            "alter table workflow_runs add constraint refused check (name not in ('run-3', 'run-17'))";
        sqlx::raw_sql(refuse).execute(&owner).await.unwrap();
        sqlx::raw_sql("insert into mirror_cluster (uid) values ('00000000-0000-0000-0000-000000000000')")
            .execute(&owner)
            .await
            .unwrap();
        let writer = Writer {
            pool: mirror_pool(&owner).await,
            cluster: Uuid::nil(),
            queue: Queue::default(),
            written: Default::default(),
            metrics: Metrics::default(),
            signals: Senders::default(),
            stop: CancellationToken::new(),
        };
        let changes: Vec<_> = (0..20)
            .map(|number| {
                upserted(run("acme", "invoices", &format!("run-{number}")).version(number + 2).build())
            })
            .collect();
        writer.write(&changes).await.unwrap();
        let stored: i64 =
            sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(&owner).await.unwrap();
        assert_eq!(stored, 18);
        let quarantined: Vec<(String, String)> =
            sqlx::query_as("select name, reason from mirror_quarantine order by name")
                .fetch_all(&owner)
                .await
                .unwrap();
        let refused = |name: &str| (name.to_owned(), "REFUSED".to_owned());
        assert_eq!(quarantined, [refused("run-17"), refused("run-3")]);
    }
}
