//! The loop of a run: decide, write, act, wait.
//!
//! Decisions are the domain's. What it decides is written before it is done, in one write at a time; whatever
//! has happened in the meantime goes into the next.

use std::sync::Arc;

use crds::WorkflowRun;
use domain::run::{Advance, Finish, Run, Signals, Start, State};
use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::{
    action::{Means, passed},
    assignment::Assignment,
    chain::chain,
    run::{
        Held, Left, RunError, Setting,
        attempts::{Attempts, Ended},
        flight::{Flight, Kind, Landed, landed},
        load::patiently,
        report,
        write::write,
    },
    store::{Store, WriteError},
};

/// A run while this pod holds it.
pub(super) struct Execution<'a, S> {
    pub(super) setting: &'a Setting<'a, S>,
    pub(super) run: Arc<Run>,
    pub(super) held: Held,
    /// As they are to be written.
    pub(super) state: State,
    /// Attempts that are in `state`, but in no write yet.
    pub(super) intents: Vec<Start>,
    pub(super) attempts: Attempts,
    pub(super) finish: Option<Finish>,
    wake: Option<Timestamp>,
    is_written: bool,
}

impl<'a, S: Store> Execution<'a, S> {
    /// `state` is that of `held`, resumed.
    pub(super) fn new(setting: &'a Setting<'a, S>, means: Means, held: Held, state: State) -> Self {
        Self {
            setting,
            run: Arc::clone(&means.run),
            is_written: held.steps == state.steps,
            held,
            state,
            intents: Vec::new(),
            attempts: Attempts::new(means),
            finish: None,
            wake: None,
        }
    }

    pub(super) async fn run(
        mut self,
        assignments: &mut mpsc::Receiver<Assignment>,
    ) -> Result<Left, RunError> {
        let mut flight = None;
        loop {
            self.decide();
            self.write(&mut flight);
            // The answer to the last write tells all; its own event would look like a loss.
            let is_ending = flight.as_ref().is_some_and(|flight: &Flight<'_>| flight.kind == Kind::End);
            let left = tokio::select! {
                landed = landed(&mut flight) => self.landed(landed).await?,
                ended = self.attempts.next() => self.ended(ended.map_err(RunError::Attempt)?)?,
                assignment = assignments.recv(), if !is_ending => {
                    self.assigned(assignment.ok_or(RunError::Assignments)?).await?
                }
                () = due(self.wake), if !is_ending => None,
                () = self.setting.stop.cancelled(), if !is_ending => {
                    return self.leave(flight, assignments).await;
                }
            };
            if let Some(left) = left {
                return Ok(left);
            }
        }
    }

    /// Asks the domain what comes next.
    fn decide(&mut self) {
        if self.finish.is_some() {
            return;
        }
        let signals = Signals { cancel: self.held.cancel, ..Signals::NONE };
        let Advance { state, start, stop, wait_until, finish, cancel_children: _, suspend: _ } =
            self.run.advance(&self.state, &signals, telemetry::clock::now());
        self.is_written &= state == self.state && finish.is_none();
        self.state = state;
        self.intents.extend(start);
        stop.iter().for_each(|stop| self.attempts.stop(stop));
        self.wake = wait_until;
        self.finish = finish;
    }

    /// Begins the next write, if there is something to write and none is under way.
    fn write(&mut self, flight: &mut Option<Flight<'a>>) {
        if self.is_written || flight.is_some() {
            return;
        }
        let (patch, kind) = match &self.finish {
            Some(finish) => {
                (report::end(&self.held, &self.state.steps, finish, telemetry::clock::now()), Kind::End)
            }
            None => (report::progress(&self.held, &self.state.steps), Kind::Progress),
        };
        let (store, name) = (self.setting.store, self.held.name.clone());
        let landing = async move { write(store, &name, patch).await }.boxed();
        *flight = Some(Flight { landing, intents: std::mem::take(&mut self.intents), kind });
        self.is_written = true;
    }

    async fn landed(&mut self, landed: Landed) -> Result<Option<Left>, RunError> {
        let Landed { result, intents, kind } = landed;
        match result {
            Ok(_) if kind == Kind::End => Ok(Some(Left::Finished)),
            Ok(run) => {
                let left = self.renew(run);
                // A cancel may have come between an attempt's intent and now.
                intents
                    .into_iter()
                    .filter(|start| self.state.is_running(&start.place, start.attempt))
                    .for_each(|start| {
                        self.attempts.start(start);
                    });
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
