//! Attempts that are running in this pod.

use std::collections::BTreeMap;

use domain::run::{Outcome, StartAttempt, StepKey, StopAttempt, Task};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use telemetry::trace::{TraceContext, root_span};
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument as _, Span, info_span};

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

/// Returns the name of what an attempt does.
fn kind(task: &Task) -> &'static str {
    match task {
        Task::Python { .. } => "python",
        Task::Container { .. } => "container",
        Task::Http(_) => "http",
        Task::CreateSubRun(_) => "workflow",
        Task::StoreOutput(_) => "store",
    }
}

/// Returns the span of an attempt below that of the run, with its position in the trace.
fn attempt_span(run: TraceContext, key: &StepKey, attempt: u32, kind: &'static str) -> (Span, TraceContext) {
    let own = run.child();
    let create = || {
        info_span!(
            "attempt",
            trace.id = own.trace_id(),
            span.id = own.span_id(),
            step.name = key.step,
            step.kind = kind,
            step.item = key.item,
            step.attempt = attempt,
            otel.kind = "internal",
        )
    };
    (root_span(own, Some(run), create), own)
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
        let (mut context, id) = (self.context.clone(), self.context.hosts.next_id());
        let (key, number) = (start.key.clone(), start.attempt);
        let (span, own) = attempt_span(context.span, &key, number, kind(&start.task));
        context.span = own;
        let (canceller, stop) = stop_channel(start.deadline);
        self.cancellers.insert((key.clone(), number), canceller);
        self.tasks.spawn(
            async move {
                let outcome = execute_attempt(context, start, id, stop).await;
                EndedAttempt { key, attempt: number, outcome }
            }
            .instrument(span),
        );
    }

    /// Adds the creation of a sub-run as an attempt. `create` gets the position of the attempt in its trace.
    pub(super) fn add_creation<F>(
        &mut self,
        key: &StepKey,
        attempt: u32,
        create: impl FnOnce(TraceContext) -> F,
    ) where
        F: Future<Output = EndedAttempt> + Send + 'a,
    {
        let (span, own) = attempt_span(self.context.span, key, attempt, "workflow");
        self.creations.push(create(own).instrument(span).boxed());
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
