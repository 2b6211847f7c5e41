//! Attempts that are running in this pod.

use std::collections::BTreeMap;

use domain::run::{Outcome, StartAttempt, StepKey, StopAttempt};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::task::{JoinError, JoinSet};

use crate::{
    action::{Canceller, StepContext, execute_attempt, stop_channel},
    step_host::HostUnavailable,
};

/// Running attempts. Dropping this stops them all.
pub(super) struct Attempts<'a> {
    context: StepContext,
    tasks: JoinSet<EndedAttempt>,
    /// Cancellers by step and number of the attempt.
    cancellers: BTreeMap<(StepKey, u32), Canceller>,
    /// Creations of sub-runs. They take milliseconds and are not cancelled.
    creations: FuturesUnordered<BoxFuture<'a, EndedAttempt>>,
}

/// Attempt that has ended.
pub(super) struct EndedAttempt {
    pub(super) key: StepKey,
    pub(super) attempt: u32,
    /// Outcome; `None` if the attempt was cancelled.
    pub(super) outcome: Result<Option<Outcome>, HostUnavailable>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(context: StepContext) -> Self {
        let creations = FuturesUnordered::new();
        Self { context, tasks: JoinSet::new(), cancellers: BTreeMap::new(), creations }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.creations.is_empty()
    }

    /// Starts an attempt in a task of its own.
    pub(super) fn start(&mut self, start: StartAttempt) {
        let (context, id) = (self.context.clone(), self.context.hosts.next_id());
        let (key, number) = (start.key.clone(), start.attempt);
        let (canceller, stop) = stop_channel(start.deadline);
        self.cancellers.insert((key.clone(), number), canceller);
        self.tasks.spawn(async move {
            let outcome = execute_attempt(context, start, id, stop).await;
            EndedAttempt { key, attempt: number, outcome }
        });
    }

    /// Adds the creation of a sub-run as an attempt.
    pub(super) fn add_creation(&mut self, creation: BoxFuture<'a, EndedAttempt>) {
        self.creations.push(creation);
    }

    /// Cancels an attempt if it is running.
    pub(super) fn stop(&self, stop: &StopAttempt) {
        if let Some(canceller) = self.cancellers.get(&(stop.key.clone(), stop.attempt)) {
            canceller.cancel();
        }
    }

    pub(super) fn stop_all(&self) {
        self.cancellers.values().for_each(Canceller::cancel);
    }

    /// Waits for the next attempt to end. Never returns if none is running.
    ///
    /// # Errors
    /// Returns an error if the task of an attempt has panicked.
    pub(super) async fn next_ended(&mut self) -> Result<EndedAttempt, JoinError> {
        tokio::select! {
            Some(ended) = self.tasks.join_next() => {
                let ended = ended?;
                self.cancellers.remove(&(ended.key.clone(), ended.attempt));
                Ok(ended)
            }
            Some(ended) = self.creations.next() => Ok(ended),
            else => std::future::pending().await,
        }
    }
}
