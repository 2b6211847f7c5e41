//! Queue between the reflectors, which read changes, and the writer, which stores them in batches.
//!
//! Each tenant has a line of its own, and a batch takes one change of each tenant in turn: the changes of a tenant wait for at most
//! two batches, however many another tenant has. The changes of one tenant stay in the order in which they were read.
//!
//! A version of an object replaces an older one that is still queued, unless its phase or its generation differs: so a flood of
//! changes of one object takes little, and each change of a phase is still stored and has an event.

mod entry;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Error, memory::MemoryLimit};
use crate::project::Kind;
use state::State;

pub(super) use entry::{Entry, ObjectText, VersionText};
pub(super) use state::{Batch, Renewal};

/// The queue. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    memory: MemoryLimit,
    /// Notified when something was queued.
    queued: Notify,
    /// Ticket up to which all changes are stored.
    stored: watch::Sender<u64>,
    closed: CancellationToken,
}

impl Default for Queue {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            memory: MemoryLimit::default(),
            queued: Notify::new(),
            stored: watch::Sender::new(0),
            closed: CancellationToken::new(),
        }))
    }
}

impl Queue {
    /// Adds a change, and waits before that while too much is queued.
    ///
    /// # Errors
    /// Returns an error if the writer has ended.
    pub(super) async fn push(&self, change: ObjectText) -> Result<(), Error> {
        let received = Instant::now();
        let memory = tokio::select! {
            () = self.0.closed.cancelled() => return Err(ended()),
            memory = self.0.memory.reserve(change.text_bytes()) => memory,
        };
        self.state().push(change, received, memory);
        self.0.queued.notify_one();
        Ok(())
    }

    /// Adds a mark: it is returned with the batch after which all changes of before are stored.
    pub(super) fn push_bookmark(&self, kind: Kind, resource_version: i64) {
        self.state().push_bookmark(kind, resource_version);
        self.0.queued.notify_one();
    }

    /// Adds a renewal of the lease to the next batch.
    pub(super) fn push_renewal(&self, renewal: Renewal) {
        self.state().push_renewal(renewal);
        self.0.queued.notify_one();
    }

    /// Waits until all changes that are queued now are stored.
    ///
    /// # Errors
    /// Returns an error if the writer has ended.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let ticket = self.state().next_ticket();
        let mut stored = self.0.stored.subscribe();
        tokio::select! {
            () = self.0.closed.cancelled() => Err(ended()),
            stored = stored.wait_for(|stored| *stored >= ticket) => stored.map(drop).map_err(|_| ended()),
        }
    }

    /// Waits for changes, and takes a batch of them.
    pub(super) async fn take(&self) -> Batch {
        loop {
            let queued = self.0.queued.notified();
            if let Some(batch) = self.state().take() {
                return batch;
            }
            queued.await;
        }
    }

    /// Records that the changes of a batch are stored.
    pub(super) fn complete(&self, batch: &Batch) {
        let stored = self.state().complete(batch);
        self.0.stored.send_replace(stored);
    }

    /// Ends all waits of reflectors, because nothing is stored any more.
    pub(super) fn close(&self) {
        self.0.closed.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> Error {
    Error::Ended { part: "writer" }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::project::testing::{Fixture, run, tenant};

    fn version(fixture: Fixture) -> ObjectText {
        let object = fixture.build();
        let text = object.raw.to_string();
        ObjectText::Upserted(VersionText::new(object.identity.kind, text, 1000, None).unwrap())
    }

    async fn push_runs(queue: &Queue, slug: &str, numbers: std::ops::Range<i64>) {
        for number in numbers {
            queue
                .push(version(run(slug, "invoices", &format!("{slug}-{number}")).version(number)))
                .await
                .unwrap();
        }
    }

    fn names(batch: &Batch) -> Vec<String> {
        batch.entries.iter().map(|entry| entry.change.identity().name.clone()).collect()
    }

    /// The change of one tenant is in the next batch, however many changes of another tenant were queued before.
    #[tokio::test]
    async fn a_flood_of_one_tenant_does_not_delay_another() {
        let queue = Queue::default();
        push_runs(&queue, "flood", 0..5000).await;
        push_runs(&queue, "acme", 0..1).await;
        let batch = queue.take().await;
        let names = names(&batch);
        assert!(names.contains(&"acme-0".to_owned()));
        assert!(names.len() > 10 && names.len() < 1000, "{}", names.len());
        let flood: Vec<_> = names.iter().filter(|name| name.starts_with("flood")).collect();
        assert_eq!((flood[0].as_str(), flood[1].as_str()), ("flood-0", "flood-1"));
    }

    /// Only the newest of several queued versions of an object is stored, except that no phase is skipped.
    #[tokio::test]
    async fn a_newer_version_replaces_a_queued_one_of_the_same_phase() {
        let queue = Queue::default();
        let run = |phase: &str, number| version(run("acme", "invoices", "one").phase(phase).version(number));
        for (phase, number) in
            [("Queued", 1), ("Running", 2), ("Running", 3), ("Running", 4), ("Succeeded", 5)]
        {
            queue.push(run(phase, number)).await.unwrap();
        }
        let batch = queue.take().await;
        let versions: Vec<_> =
            batch.entries.iter().map(|entry| entry.change.identity().resource_version).collect();
        assert_eq!(versions, [1, 4, 5]);
        queue.push(run("Succeeded", 6)).await.unwrap();
        assert_eq!(queue.take().await.entries.len(), 1, "a version that was taken is not replaced");
    }

    /// A bookmark is stored only when everything that was read before it is stored, and so is a flush complete.
    #[tokio::test]
    async fn a_bookmark_waits_for_all_changes_before_it() {
        let queue = Queue::default();
        push_runs(&queue, "flood", 0..400).await;
        queue.push(version(tenant("acme"))).await.unwrap();
        queue.push_bookmark(Kind::WorkflowRun, 900);
        let flush = queue.flush();
        tokio::pin!(flush);
        let mut bookmarks = Vec::new();
        while bookmarks.is_empty() {
            assert!(flush.as_mut().now_or_never().is_none());
            let batch = queue.take().await;
            bookmarks.clone_from(&batch.bookmarks);
            queue.complete(&batch);
        }
        flush.await.unwrap();
        assert_eq!(bookmarks, [(Kind::WorkflowRun, 900)]);
        assert!(queue.take().now_or_never().is_none(), "nothing is left");
    }

    /// Reflectors that wait for the writer are told that it has ended.
    #[tokio::test]
    async fn a_closed_queue_ends_all_waits() {
        let queue = Queue::default();
        push_runs(&queue, "acme", 0..1).await;
        queue.close();
        assert!(matches!(queue.flush().await, Err(Error::Ended { .. })));
    }
}
