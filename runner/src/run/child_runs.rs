//! Sub-runs of a run: creates them, watches them, cancels them, and reads their results.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crds::{
    WorkflowRun, WorkflowRunSpec,
    labels::{PARENT, TRACEPARENT},
    run::{Cancel, ParentRun, RunError, RunPhase, RunTrigger, TriggerKind, WorkflowRef},
    workflow::ErrorKind,
};
use domain::run::{Outcome, StepKey, SubRun, SubRunOutcome, step_error};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use kube::ResourceExt as _;
use telemetry::{errors::chain, trace::TraceContext};
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    api::ApiServer,
    cluster::{ChildRunEvent, ClusterApi, CreateError},
    retry::{RetryPolicy, retry},
    run::{assigned_run::AssignedRun, stored_output::fetch},
};

/// Capacity of the channel for watch events.
const EVENT_CAPACITY: usize = 64;
/// Policy for retries, which continue for longer than a restart of the API server takes.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    timeout: Duration::from_secs(60),
    min_delay: Duration::from_millis(500),
    max_delay: Duration::from_millis(500),
};

/// Sub-runs of a run.
pub(super) struct ChildRuns<'a> {
    /// Results of the sub-runs that have ended, by name.
    pub(super) ended: BTreeMap<String, SubRunOutcome>,
    /// Sub-runs that have ended and whose outputs are being read.
    fetching: FuturesUnordered<BoxFuture<'a, (String, SubRunOutcome)>>,
    watching: Option<(BoxFuture<'a, ()>, mpsc::Receiver<ChildRunEvent>)>,
    to_cancel: Vec<(String, Cancel)>,
    /// Cancellations that were already requested; the flag says whether immediately.
    cancelled: BTreeSet<(String, bool)>,
}

impl<'a> ChildRuns<'a> {
    pub(super) fn new(ended: BTreeMap<String, SubRunOutcome>) -> Self {
        let fetching = FuturesUnordered::new();
        Self { ended, fetching, watching: None, to_cancel: Vec::new(), cancelled: BTreeSet::new() }
    }

    /// Starts the watch for sub-runs, unless it was started before.
    pub(super) fn watch(&mut self, cluster: &'a impl ClusterApi, run: &str) {
        if self.watching.is_none() {
            let (to, events) = mpsc::channel(EVENT_CAPACITY);
            self.watching = Some((cluster.watch_child_runs(run.to_owned(), to).boxed(), events));
        }
    }

    /// Waits until another sub-run has ended or been deleted.
    pub(super) async fn next_ended(&mut self, api: Option<&ApiServer>) {
        loop {
            tokio::select! {
                Some((name, child)) = self.fetching.next() => {
                    self.ended.insert(name, child);
                    return;
                }
                event = next_event(&mut self.watching) => match event {
                    ChildRunEvent::Deleted(name) => {
                        self.ended.entry(name).or_insert(SubRunOutcome::NotFound);
                        return;
                    }
                    ChildRunEvent::Applied(run) => {
                        let (name, api) = (run.name_any(), api.cloned());
                        if is_final(&run) && !self.ended.contains_key(&name) {
                            self.fetching.push(async move { (name, result(api.as_ref(), *run).await) }.boxed());
                        }
                    }
                }
            }
        }
    }

    /// Adds cancellations, except those that were already requested.
    pub(super) fn add_cancellations(&mut self, children: Vec<(String, Cancel)>) {
        let is_new =
            |(name, cancel): &(String, Cancel)| self.cancelled.insert((name.clone(), *cancel == Cancel::Now));
        self.to_cancel.extend(children.into_iter().filter(is_new));
    }

    pub(super) fn has_cancellations(&self) -> bool {
        !self.to_cancel.is_empty()
    }

    /// Removes and returns the cancellations that are to be sent.
    pub(super) fn take_cancellations(&mut self) -> Vec<(String, Cancel)> {
        std::mem::take(&mut self.to_cancel)
    }
}

/// Waits for the next watch event. Never returns if there is no watch.
async fn next_event(
    watching: &mut Option<(BoxFuture<'_, ()>, mpsc::Receiver<ChildRunEvent>)>,
) -> ChildRunEvent {
    let Some((watch, events)) = watching else { return std::future::pending().await };
    tokio::select! {
        Some(event) = events.recv() => event,
        () = watch => std::future::pending().await,
    }
}

/// Returns whether a run has ended.
pub(super) fn is_final(run: &WorkflowRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
}

/// Returns the result of an ended sub-run for its parent. An output that cannot be read counts as a failure.
pub(super) async fn result(api: Option<&ApiServer>, run: WorkflowRun) -> SubRunOutcome {
    let uid = run.uid().unwrap_or_default();
    let status = run.status.unwrap_or_default();
    let phase = status.phase.unwrap_or_default();
    if phase != RunPhase::Succeeded {
        return SubRunOutcome::Unsuccessful { phase, error: status.error };
    }
    let Some(stored) = status.output_ref else {
        return SubRunOutcome::Succeeded { output: status.output.unwrap_or_default(), stored: None };
    };
    match fetch(api, &uid, &stored).await {
        Ok(output) => SubRunOutcome::Succeeded { output, stored: Some(stored) },
        Err(failed) => {
            let (code, message) = (failed.code().to_owned(), chain(&failed));
            let error = RunError { step: None, kind: ErrorKind::Infra, code, message };
            SubRunOutcome::Unsuccessful { phase: RunPhase::Failed, error: Some(error) }
        }
    }
}

/// Creates a sub-run and returns the outcome of the attempt, whose span the sub-run continues. One that exists already, from an attempt
/// whose end was lost, counts as created.
pub(super) async fn create(
    cluster: &impl ClusterApi,
    parent: &AssignedRun,
    (key, span): (&StepKey, TraceContext),
    run: SubRun,
) -> Outcome {
    let object = build_object(parent, (key, span), run);
    match retry(RETRY_POLICY, "create a sub-run", || cluster.create_run(&object)).await {
        Ok(()) => Outcome::SubRunCreated,
        Err(failed @ CreateError::Transient { .. }) => {
            Outcome::NotStarted(step_error(ErrorKind::Infra, "NOT_STARTED", chain(&failed)))
        }
        Err(failed @ (CreateError::Refused { .. } | CreateError::Taken { .. })) => {
            Outcome::Failed(step_error(ErrorKind::User, "SUB_RUN_REFUSED", chain(&failed)).into())
        }
    }
}

/// Builds the WorkflowRun object of a sub-run.
fn build_object(parent: &AssignedRun, (key, span): (&StepKey, TraceContext), run: SubRun) -> WorkflowRun {
    let SubRun { name, workflow, input, depth } = run;
    let spec = WorkflowRunSpec {
        workflow_ref: WorkflowRef { name: workflow },
        input: Some(input).filter(|input| !input.is_null()),
        trigger: Some(RunTrigger {
            kind: TriggerKind::Workflow,
            by: None,
            parent: Some(ParentRun {
                name: parent.name.clone(),
                uid: parent.uid.clone(),
                step: key.to_string(),
                depth,
            }),
        }),
        ..WorkflowRunSpec::default()
    };
    let mut object = WorkflowRun::new(&name, spec);
    object.labels_mut().insert(PARENT.to_owned(), parent.name.clone());
    object.annotations_mut().insert(TRACEPARENT.to_owned(), span.to_string());
    object
}

/// Cancels sub-runs. A failure is only logged, since such a sub-run still ends by its own timeout.
pub(super) async fn cancel(cluster: &impl ClusterApi, children: Vec<(String, Cancel)>) {
    for (name, cancel) in children {
        if let Err(failed) =
            retry(RETRY_POLICY, "cancel a sub-run", || cluster.cancel_run(&name, cancel)).await
        {
            warn!(error = %chain(&failed), run.name = name, "failed to cancel a sub-run");
        }
    }
}
