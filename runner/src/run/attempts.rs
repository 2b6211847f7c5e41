//! The attempts that this runner makes at the moment.

use std::collections::BTreeMap;

use domain::run::{Outcome, Place, Start, Stop};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::task::{JoinError, JoinSet};

use crate::{
    action::{Canceller, Means, attempt, ending},
    hosts::HostUnavailable,
};

/// Attempts by place and number. Dropping this ends them all.
pub(super) struct Attempts<'a> {
    means: Means,
    tasks: JoinSet<Ended>,
    cancellers: BTreeMap<(Place, u32), Canceller>,
    /// Sub-runs that are being created. That takes milliseconds, and is not cancelled.
    creations: FuturesUnordered<BoxFuture<'a, Ended>>,
}

/// An attempt that has ended.
pub(super) struct Ended {
    pub(super) place: Place,
    pub(super) attempt: u32,
    /// `None`: it was cancelled.
    pub(super) outcome: Result<Option<Outcome>, HostUnavailable>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(means: Means) -> Self {
        let creations = FuturesUnordered::new();
        Self { means, tasks: JoinSet::new(), cancellers: BTreeMap::new(), creations }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.creations.is_empty()
    }

    pub(super) fn start(&mut self, start: Start) {
        let (means, id) = (self.means.clone(), self.means.hosts.next_id());
        let (place, number) = (start.place.clone(), start.attempt);
        let (canceller, ending) = ending(start.deadline);
        self.cancellers.insert((place.clone(), number), canceller);
        self.tasks.spawn(async move {
            Ended { place, attempt: number, outcome: attempt(means, start, id, ending).await }
        });
    }

    /// Follows the creation of a sub-run.
    pub(super) fn create(&mut self, creation: BoxFuture<'a, Ended>) {
        self.creations.push(creation);
    }

    /// Kills an attempt, if it runs here.
    pub(super) fn stop(&self, stop: &Stop) {
        if let Some(canceller) = self.cancellers.get(&(stop.place.clone(), stop.attempt)) {
            canceller.cancel();
        }
    }

    pub(super) fn stop_all(&self) {
        self.cancellers.values().for_each(Canceller::cancel);
    }

    /// The next attempt to end; never, while there is none.
    pub(super) async fn next(&mut self) -> Result<Ended, JoinError> {
        tokio::select! {
            Some(ended) = self.tasks.join_next() => {
                let ended = ended?;
                self.cancellers.remove(&(ended.place.clone(), ended.attempt));
                Ok(ended)
            }
            Some(ended) = self.creations.next() => Ok(ended),
            else => std::future::pending().await,
        }
    }
}
