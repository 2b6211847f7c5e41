//! The loop of a run: decide, write, act, wait.
//!
//! Decisions are the domain's. What it decides is written before it is done, in one write at a time; whatever
//! has happened in the meantime goes into the next.

use std::{sync::Arc, time::Duration};

use crds::{WorkflowRun, run::StepPhase};
use domain::run::{Advance, Finish, Run, Signals, Start, State, Suspend, Work, written};
use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use crate::{
    action::{Means, passed},
    assignment::Assignment,
    chain::chain,
    run::{
        Held, Left, RunError, Setting,
        attempts::{Attempts, Ended},
        children::{self, Children},
        flight::{Flight, Kind, Landed, landed},
        load::patiently,
        status::Status,
        write::write,
    },
    store::{Store, WriteError},
};

/// Between two writes while items of a fan-out run: the whole status is written each time, and a thousand of those
/// would fill the cluster's database.
const FAN_OUT_PAUSE: Duration = Duration::from_millis(100);
/// How long killed attempts may take to be gone.
pub(super) const KILL_TIMEOUT: Duration = Duration::from_secs(4);

/// A run while this pod holds it.
pub(super) struct Execution<'a, S> {
    pub(super) setting: &'a Setting<'a, S>,
    pub(super) run: Arc<Run>,
    pub(super) means: Means,
    pub(super) held: Held,
    /// For how long it has waited for people and times.
    pub(super) waited: Duration,
    /// As it is to be written.
    pub(super) state: State,
    /// Attempts that are in `state`, but in no write yet.
    pub(super) intents: Vec<Start>,
    pub(super) attempts: Attempts<'a>,
    pub(super) children: Children<'a>,
    pub(super) close: Option<Close>,
    wake: Option<Timestamp>,
    is_written: bool,
    written_at: Option<Instant>,
}

/// Why the next write is this pod's last.
#[derive(Clone)]
pub(super) enum Close {
    Finish(Finish),
    Suspend(Suspend),
}

/// What an execution begins with.
pub(super) struct Beginning<'a> {
    pub(super) means: Means,
    pub(super) held: Held,
    pub(super) waited: Duration,
    /// That of `held`, resumed.
    pub(super) state: State,
    pub(super) children: Children<'a>,
}

impl<'a, S: Store> Execution<'a, S> {
    pub(super) fn new(setting: &'a Setting<'a, S>, beginning: Beginning<'a>) -> Self {
        let Beginning { means, held, waited, state, children } = beginning;
        Self {
            setting,
            run: Arc::clone(&means.run),
            is_written: held.steps == written(&state.steps) && held.ending == state.ending,
            attempts: Attempts::new(means.clone()),
            means,
            held,
            waited,
            state,
            intents: Vec::new(),
            children,
            close: None,
            wake: None,
            written_at: None,
        }
    }

    pub(super) async fn run(
        mut self,
        assignments: &mut mpsc::Receiver<Assignment>,
    ) -> Result<Left, RunError> {
        let mut flight = None;
        let left = loop {
            self.decide();
            let write_at = self.write(&mut flight);
            // The answer to the last write tells all; its own event would look like a loss.
            let is_ending = flight.as_ref().is_some_and(|flight: &Flight<'_>| flight.kind.is_last());
            let left = tokio::select! {
                landed = landed(&mut flight) => self.landed(landed).await?,
                ended = self.attempts.next() => self.ended(ended.map_err(RunError::Attempt)?)?,
                assignment = assignments.recv(), if !is_ending => {
                    self.assigned(assignment.ok_or(RunError::Assignments)?).await?
                }
                () = self.children.changed(self.setting.api), if !is_ending => None,
                () = due(self.wake), if !is_ending => None,
                () = reached(write_at) => None,
                () = self.setting.stop.cancelled(), if !is_ending => {
                    return self.leave(flight, assignments).await;
                }
            };
            if let Some(left) = left {
                break left;
            }
        };
        self.end_attempts().await?;
        Ok(left)
    }

    /// What still runs is of no use to anybody. The pod may take another run.
    async fn end_attempts(&mut self) -> Result<(), RunError> {
        self.attempts.stop_all();
        let until = Instant::now() + KILL_TIMEOUT;
        while !self.attempts.is_empty() {
            tokio::select! {
                ended = self.attempts.next() => drop(ended.map_err(RunError::Attempt)?.outcome?),
                () = sleep_until(until) => break,
            }
        }
        Ok(())
    }

    pub(super) fn signals(&self) -> Signals<'_> {
        Signals { cancel: self.held.cancel, decisions: &self.held.decisions, children: &self.children.ended }
    }

    /// Asks the domain what comes next.
    fn decide(&mut self) {
        if matches!(self.close, Some(Close::Finish(_))) {
            return;
        }
        let Advance { state, start, stop, wait_until, finish, cancel_children, suspend } =
            self.run.advance(&self.state, &self.signals(), telemetry::clock::now());
        // To store a value is no side effect, and is in no status: it need not be written first.
        let (stores, intents) = start.into_iter().partition(|start| matches!(start.work, Work::Store(_)));
        self.intents.extend::<Vec<Start>>(intents);
        Vec::into_iter(stores).for_each(|store| self.attempts.start(store));
        stop.iter().for_each(|stop| self.attempts.stop(stop));
        self.children.cancel(cancel_children);
        self.wake = wait_until;
        // Killed attempts are awaited: the next pod would start others beside them.
        let suspend = suspend.filter(|_| self.attempts.is_empty());
        self.close = finish.map(Close::Finish).or(suspend.map(Close::Suspend));
        self.is_written &= state == self.state && self.close.is_none();
        self.state = state;
        if self.close.is_none() && !domain::run::children(&self.state.steps).is_empty() {
            self.children.watch(self.setting.store, &self.held.name);
        }
    }

    /// Begins the next write, if there is something to write and none is under way; else says when it may begin.
    fn write(&mut self, flight: &mut Option<Flight<'a>>) -> Option<Instant> {
        if flight.is_some() || (self.is_written && !self.children.has_to_cancel()) {
            return None;
        }
        let may_begin = self.written_at.filter(|_| self.fans_out()).map(|at| at + FAN_OUT_PAUSE);
        if let (Some(at), None) = (may_begin, &self.close)
            && at > Instant::now()
        {
            return Some(at);
        }
        let kind = match &self.close {
            None => Kind::Progress,
            Some(Close::Suspend(_)) => Kind::Suspend,
            Some(Close::Finish(_)) => Kind::End,
        };
        let (store, name, status) = (self.setting.store, self.held.name.clone(), self.status());
        let to_cancel = self.children.take_to_cancel();
        let landing = async move {
            children::cancel(store, to_cancel).await;
            if kind == Kind::Suspend {
                status.means.logs.flush().await;
            }
            write(store, &name, status.into_patch(telemetry::clock::now()).await).await
        };
        *flight = Some(Flight { landing: landing.boxed(), intents: std::mem::take(&mut self.intents), kind });
        self.is_written = true;
        self.written_at = Some(Instant::now());
        None
    }

    fn fans_out(&self) -> bool {
        self.state.steps.iter().any(|step| step.phase == StepPhase::Running && step.items.is_some())
    }

    pub(super) fn status(&self) -> Status {
        Status {
            held: self.held.clone(),
            steps: written(&self.state.steps),
            ending: self.state.ending.clone(),
            waited: self.waited,
            close: self.close.clone(),
            means: self.means.clone(),
        }
    }

    async fn landed(&mut self, landed: Landed) -> Result<Option<Left>, RunError> {
        let Landed { result, intents, kind } = landed;
        match result {
            Ok(_) if kind == Kind::End => Ok(Some(Left::Finished)),
            Ok(_) if kind == Kind::Suspend => Ok(Some(Left::Suspended)),
            Ok(run) => {
                let left = self.renew(run);
                self.start(intents);
                Ok(left)
            }
            Err(WriteError::Conflict { .. }) => {
                self.intents.splice(0..0, intents);
                self.is_written = false;
                self.look().await
            }
            Err(error @ WriteError::NotHeld { .. }) => {
                warn!(error = %chain(&error), run.name = self.held.name, "stopping");
                Ok(Some(Left::Lost))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Starts what is written. A cancel may have come between an attempt's intent and now.
    fn start(&mut self, intents: Vec<Start>) {
        for start in intents {
            match start {
                Start { work: Work::Run(run), place, attempt, .. }
                    if self.state.is_running(&place, attempt) =>
                {
                    let (store, parent) = (self.setting.store, self.held.clone());
                    let creation = async move {
                        let outcome = children::create(store, &parent, &place, run).await;
                        Ended { place, attempt, outcome: Ok(Some(outcome)) }
                    };
                    self.attempts.create(creation.boxed());
                }
                start if self.state.is_running(&start.place, start.attempt) => self.attempts.start(start),
                _ => {}
            }
        }
    }

    pub(super) fn ended(&mut self, ended: Ended) -> Result<Option<Left>, RunError> {
        let Ended { place, attempt, outcome } = ended;
        if let Some(outcome) = outcome? {
            let (now, random) = (telemetry::clock::now(), telemetry::ids::unit_random());
            let state = self.run.on_outcome(&self.state, &place, attempt, outcome, now, random);
            self.is_written &= state == self.state;
            self.state = state;
        }
        Ok(None)
    }

    pub(super) async fn assigned(&mut self, assignment: Assignment) -> Result<Option<Left>, RunError> {
        match assignment {
            Assignment::Held(run) if run.metadata.name.as_ref() == Some(&self.held.name) => {
                Ok(self.renew(*run))
            }
            Assignment::Doubtful { run } if run == self.held.name => self.look().await,
            Assignment::Held(_) | Assignment::Doubtful { .. } => Ok(None),
        }
    }

    /// Asks the API server whether the run is still ours.
    pub(super) async fn look(&mut self) -> Result<Option<Left>, RunError> {
        match patiently(|| self.setting.store.run(&self.held.name)).await? {
            Some(run) => Ok(self.renew(run)),
            None => Ok(Some(Left::Lost)),
        }
    }

    /// Takes the run as it is now, unless that is older than what is known.
    pub(super) fn renew(&mut self, run: WorkflowRun) -> Option<Left> {
        let Some(held) = Held::of(run, self.setting.pod_uid) else {
            info!(run.name = self.held.name, "the run is not held by this pod any more; stopping");
            return Some(Left::Lost);
        };
        if held.uid != self.held.uid {
            return Some(Left::Lost);
        }
        if held.is_newer_than(&self.held) {
            self.held = held;
        }
        None
    }
}

async fn due(at: Option<Timestamp>) {
    match at {
        Some(at) => passed(at).await,
        None => std::future::pending().await,
    }
}

async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
