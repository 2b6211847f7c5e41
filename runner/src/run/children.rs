//! The sub-runs of a run: created, watched while the run is held, cancelled, and taken for what they gave.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crds::{
    WorkflowRun, WorkflowRunSpec,
    labels::PARENT,
    run::{Cancel, ParentRun, RunError, RunPhase, RunTrigger, TriggerKind, WorkflowRef},
    workflow::ErrorKind,
};
use domain::run::{Child, Outcome, Place, SubRun, error};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use kube::ResourceExt as _;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tracing::warn;

use crate::{
    api::ApiServer,
    chain::chain,
    run::{held::Held, load::fetch},
    store::{ChildEvent, CreateError, Store, WriteError},
};

/// Events that may wait; the watch waits then.
const WAITING_EVENTS: usize = 64;
/// Longer than a restart of the API server takes.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// What is known of a run's sub-runs.
pub(super) struct Children<'a> {
    /// Those that have ended, by name.
    pub(super) ended: BTreeMap<String, Child>,
    /// Whose end is known, and whose output is being fetched.
    fetching: FuturesUnordered<BoxFuture<'a, (String, Child)>>,
    watching: Option<(BoxFuture<'a, ()>, mpsc::Receiver<ChildEvent>)>,
    to_cancel: Vec<(String, Cancel)>,
    cancelled: BTreeSet<(String, bool)>,
}

impl<'a> Children<'a> {
    pub(super) fn new(ended: BTreeMap<String, Child>) -> Self {
        let fetching = FuturesUnordered::new();
        Self { ended, fetching, watching: None, to_cancel: Vec::new(), cancelled: BTreeSet::new() }
    }

    /// Watches from now on; once is enough.
    pub(super) fn watch(&mut self, store: &'a impl Store, run: &str) {
        if self.watching.is_none() {
            let (to, events) = mpsc::channel(WAITING_EVENTS);
            self.watching = Some((store.watch_children(run.to_owned(), to).boxed(), events));
        }
    }

    /// Returns when another one has ended; may never.
    pub(super) async fn changed(&mut self, api: Option<&ApiServer>) {
        loop {
            tokio::select! {
                Some((name, child)) = self.fetching.next() => {
                    self.ended.insert(name, child);
                    return;
                }
                event = event(&mut self.watching) => match event {
                    ChildEvent::Gone(name) => {
                        self.ended.entry(name).or_insert(Child::Gone);
                        return;
                    }
                    ChildEvent::Seen(run) => {
                        let (name, api) = (run.name_any(), api.cloned());
                        if is_final(&run) && !self.ended.contains_key(&name) {
                            self.fetching.push(async move { (name, child(api.as_ref(), *run).await) }.boxed());
                        }
                    }
                }
            }
        }
    }

    /// Notes those that are to be cancelled and have not been.
    pub(super) fn cancel(&mut self, children: Vec<(String, Cancel)>) {
        let fresh =
            |(name, cancel): &(String, Cancel)| self.cancelled.insert((name.clone(), *cancel == Cancel::Now));
        self.to_cancel.extend(children.into_iter().filter(fresh));
    }

    pub(super) fn has_to_cancel(&self) -> bool {
        !self.to_cancel.is_empty()
    }

    pub(super) fn take_to_cancel(&mut self) -> Vec<(String, Cancel)> {
        std::mem::take(&mut self.to_cancel)
    }
}

async fn event(watching: &mut Option<(BoxFuture<'_, ()>, mpsc::Receiver<ChildEvent>)>) -> ChildEvent {
    let Some((watch, events)) = watching else { return std::future::pending().await };
    tokio::select! {
        Some(event) = events.recv() => event,
        () = watch => std::future::pending().await,
    }
}

pub(super) fn is_final(run: &WorkflowRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
}

/// What an ended sub-run means to its parent.
pub(super) async fn child(api: Option<&ApiServer>, run: WorkflowRun) -> Child {
    let uid = run.uid().unwrap_or_default();
    let status = run.status.unwrap_or_default();
    let phase = status.phase.unwrap_or_default();
    if phase != RunPhase::Succeeded {
        return Child::Ended { phase, error: status.error };
    }
    let Some(stored) = status.output_ref else {
        return Child::Succeeded { output: status.output.unwrap_or_default(), stored: None };
    };
    match fetch(api, &uid, &stored).await {
        Ok(output) => Child::Succeeded { output, stored: Some(stored) },
        Err(failed) => {
            let (code, message) = (failed.code().to_owned(), chain(&failed));
            let error = RunError { step: None, kind: ErrorKind::Infra, code, message };
            Child::Ended { phase: RunPhase::Failed, error: Some(error) }
        }
    }
}

/// Creates a sub-run. One that is there already, from an attempt whose end was lost, is taken for it.
pub(super) async fn create(store: &impl Store, parent: &Held, place: &Place, run: SubRun) -> Outcome {
    let name = run.name.clone();
    let object = object(parent, place, run);
    let until = Instant::now() + PATIENCE;
    loop {
        match store.create_run(&object).await {
            Ok(()) => return Outcome::Waiting,
            Err(failed @ CreateError::Transient { .. }) if Instant::now() < until => {
                warn!(error = %chain(&failed), run.name = name, "trying to create a sub-run again");
                sleep(PAUSE).await;
            }
            Err(failed @ CreateError::Transient { .. }) => {
                return Outcome::NotStarted(error(ErrorKind::Infra, "NOT_STARTED", chain(&failed)));
            }
            Err(failed @ (CreateError::Refused { .. } | CreateError::Taken { .. })) => {
                let error = error(ErrorKind::User, "SUB_RUN_REFUSED", chain(&failed));
                return Outcome::Failed(error.into());
            }
        }
    }
}

fn object(parent: &Held, place: &Place, run: SubRun) -> WorkflowRun {
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
                step: place.to_string(),
                depth,
            }),
        }),
        ..WorkflowRunSpec::default()
    };
    let mut object = WorkflowRun::new(&name, spec);
    object.labels_mut().insert(PARENT.to_owned(), parent.name.clone());
    object
}

/// Asks sub-runs for their end. One that cannot be asked is told of in the log: it ends by its own timeout.
pub(super) async fn cancel(store: &impl Store, children: Vec<(String, Cancel)>) {
    for (name, cancel) in children {
        let until = Instant::now() + PATIENCE;
        while let Err(failed) = store.cancel_run(&name, cancel).await {
            let again = matches!(failed, WriteError::Transient { .. }) && Instant::now() < until;
            warn!(error = %chain(&failed), run.name = name, again, "failed to cancel a sub-run");
            if !again {
                break;
            }
            sleep(PAUSE).await;
        }
    }
}
