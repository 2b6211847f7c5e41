//! Main loop of a run in this pod: decide, write, start, wait.
//!
//! The `domain` crate makes the decisions. Each decision is written before it is executed, in one write at a
//! time. Events that arrive during a write are part of the next one.

use std::{sync::Arc, time::Duration};

use crds::{
    WorkflowRun,
    run::{RunPhase, StepPhase},
    workflow::ErrorKind,
};
use domain::run::{
    Advance, ExternalEvents, FinishRun, Outcome, Run, RunState, StartAttempt, Task, persisted_steps,
};
use futures::FutureExt as _;
use jiff::Timestamp;
use telemetry::errors::chain;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::{
    action::{StepContext, sleep_until_timestamp},
    assignment::{AssignmentEvent, Assignments},
    cluster::{ClusterApi, WriteError},
    retry::retry,
    run::{
        assigned_run::AssignedRun,
        attempts::{Attempts, EndedAttempt},
        child_runs::{self, ChildRuns},
        context::RunnerContext,
        exit::{RunError, RunExit},
        load::READ_RETRY_POLICY,
        pace::{self, Pace},
        pending_write::{PendingWrite, WriteKind, WriteResult, wait_for_write},
        status_update::{FinalState, StatusUpdate},
        write::write,
    },
};

/// Minimum interval between two writes while items of a fan-out run. Each write contains the complete status,
/// and a thousand of them would fill the cluster's database.
const FAN_OUT_WRITE_INTERVAL: Duration = Duration::from_millis(100);
/// Time within which killed attempts must end.
pub(super) const KILL_TIMEOUT: Duration = Duration::from_secs(4);

/// Execution of a run while it is assigned to this pod.
pub(super) struct Execution<'a, C> {
    pub(super) context: &'a RunnerContext<'a, C>,
    pub(super) run: Arc<Run>,
    pub(super) step_context: StepContext,
    pub(super) assigned: AssignedRun,
    /// Total time that the run has waited for decisions and times.
    pub(super) waited: Duration,
    /// State that the next write records.
    pub(super) state: RunState,
    /// Attempts that are part of `state` but not of any write yet.
    pub(super) intents: Vec<StartAttempt>,
    pub(super) attempts: Attempts<'a>,
    pub(super) child_runs: ChildRuns<'a>,
    /// State that the last write records, once it is known.
    pub(super) final_state: Option<FinalState>,
    /// Whether the last write leaves out details, since the run would be too large with them.
    is_reduced: bool,
    wake_at: Option<Timestamp>,
    /// Whether a step could not be started in its host. Another pod continues the run then, as soon as no attempt runs.
    is_unfit: bool,
    /// Whether the last write contains `state`.
    is_written: bool,
    written_at: Option<Instant>,
    /// Cost of storing the run's input, in bytes.
    input_cost: usize,
    pace: Pace,
}

/// Initial values of an execution.
pub(super) struct ExecutionStart<'a> {
    pub(super) step_context: StepContext,
    pub(super) assigned: AssignedRun,
    pub(super) waited: Duration,
    /// State of the run after it was resumed.
    pub(super) state: RunState,
    pub(super) child_runs: ChildRuns<'a>,
}

impl<'a, C: ClusterApi> Execution<'a, C> {
    pub(super) fn new(context: &'a RunnerContext<'a, C>, start: ExecutionStart<'a>) -> Self {
        let ExecutionStart { step_context, assigned, waited, state, child_runs } = start;
        Self {
            context,
            run: Arc::clone(&step_context.run),
            is_written: !assigned.is_awaited
                && assigned.steps == persisted_steps(&state.steps)
                && assigned.ending == state.ending,
            input_cost: pace::cost(&assigned.input),
            pace: Pace::new(Instant::now()),
            attempts: Attempts::new(step_context.clone()),
            step_context,
            assigned,
            waited,
            state,
            intents: Vec::new(),
            child_runs,
            final_state: None,
            is_reduced: false,
            wake_at: None,
            is_unfit: false,
            written_at: None,
        }
    }

    /// Executes the run until it has ended, is suspended, or is no longer assigned to this pod.
    ///
    /// # Errors
    /// Returns an error if this pod cannot continue the run.
    pub(super) async fn run(mut self, assignments: &mut Assignments) -> Result<RunExit, RunError> {
        let mut pending = None;
        let exit = loop {
            self.decide();
            if self.is_unfit && self.attempts.is_empty() && self.final_state.is_none() {
                return self.hand_over(pending, assignments).await;
            }
            let write_at = self.start_write(&mut pending);
            // The response to the last write is conclusive; its watch event would look like a lost assignment.
            let is_ending = pending.as_ref().is_some_and(|write: &PendingWrite<'_>| write.kind.is_last());
            let exit = tokio::select! {
                result = wait_for_write(&mut pending) => self.handle_write_result(result).await?,
                ended = self.attempts.next_ended() => {
                    self.handle_ended_attempt(ended.map_err(RunError::Attempt)?)?;
                    None
                }
                assignment = assignments.next_event(&self.assigned.name), if !is_ending => {
                    self.handle_assignment(assignment.ok_or(RunError::Assignments)?).await?
                }
                () = self.child_runs.next_ended(self.context.api), if !is_ending => None,
                () = sleep_until_wake(self.wake_at), if !is_ending => None,
                () = sleep_until_instant(write_at) => None,
                () = self.context.stop.cancelled(), if !is_ending => {
                    return self.hand_over(pending, assignments).await;
                }
            };
            if let Some(exit) = exit {
                break exit;
            }
        };
        self.stop_attempts().await?;
        Ok(exit)
    }

    /// Stops the attempts that still run, since nothing uses their outcomes and the pod may take another run.
    async fn stop_attempts(&mut self) -> Result<(), RunError> {
        self.attempts.stop_all();
        let deadline = Instant::now() + KILL_TIMEOUT;
        while !self.attempts.is_empty() {
            tokio::select! {
                ended = self.attempts.next_ended() => drop(ended.map_err(RunError::Attempt)?.outcome?),
                () = sleep_until(deadline) => break,
            }
        }
        Ok(())
    }

    pub(super) fn signals(&self) -> ExternalEvents<'_> {
        ExternalEvents {
            cancel: self.assigned.cancel,
            decisions: &self.assigned.decisions,
            generation: self.assigned.generation.unwrap_or_default(),
            sub_runs: &self.child_runs.ended,
        }
    }

    /// Advances the run: records new attempts as intents, stops attempts, and determines a final state.
    fn decide(&mut self) {
        if matches!(self.final_state, Some(FinalState::Finish(_))) {
            return;
        }
        let Advance { state, start, stop, wait_until, finish, cancel_sub_runs, suspend } =
            self.run.advance(&self.state, &self.signals(), telemetry::clock::now());
        // Storing a value has no side effects and is part of no status, so that it need not be written first.
        let (stores, intents) =
            start.into_iter().partition(|start| matches!(start.task, Task::StoreOutput(_)));
        self.intents.extend::<Vec<StartAttempt>>(intents);
        Vec::into_iter(stores).for_each(|store| self.attempts.start(store));
        stop.iter().for_each(|stop| self.attempts.stop(stop));
        self.child_runs.add_cancellations(cancel_sub_runs);
        self.wake_at = wait_until;
        // A suspension waits for killed attempts, since the next pod would start others beside them.
        let suspend = suspend.filter(|_| self.attempts.is_empty());
        self.final_state = finish.map(FinalState::Finish).or(suspend.map(FinalState::Suspend));
        self.is_written &= state == self.state && self.final_state.is_none();
        self.state = state;
        if self.final_state.is_none() && !domain::run::awaited_sub_runs(&self.state.steps).is_empty() {
            self.child_runs.watch(self.context.cluster, &self.assigned.name);
        }
    }

    /// Starts the next write if there is something to write and no write is pending. Returns the time at which the write
    /// may start if it must wait.
    fn start_write(&mut self, pending: &mut Option<PendingWrite<'a>>) -> Option<Instant> {
        if pending.is_some() || (self.is_written && !self.child_runs.has_cancellations()) {
            return None;
        }
        let earliest = self.earliest_write();
        if self.final_state.is_none() && earliest > Instant::now() {
            return Some(earliest);
        }
        let kind = match &self.final_state {
            None => WriteKind::Progress,
            Some(FinalState::Suspend(_)) => WriteKind::Suspend,
            Some(FinalState::Finish(_)) => WriteKind::Finish,
        };
        let (cluster, name, update) =
            (self.context.cluster, self.assigned.name.clone(), self.status_update());
        self.pace.record(self.cost(&update), Instant::now());
        let cancellations = self.child_runs.take_cancellations();
        let response = async move {
            child_runs::cancel(cluster, cancellations).await;
            if kind == WriteKind::Suspend {
                update.step_context.logs.flush().await;
            }
            write(cluster, &name, update.into_patch(telemetry::clock::now()).await?).await
        };
        let intents = std::mem::take(&mut self.intents);
        *pending = Some(PendingWrite { response: response.boxed(), intents, kind });
        self.is_written = true;
        self.written_at = Some(Instant::now());
        None
    }

    /// Returns the time from which progress may be written.
    fn earliest_write(&self) -> Instant {
        let earliest = self.pace.earliest();
        let last = self.written_at.filter(|_| self.has_running_items());
        last.map_or(earliest, |last| earliest.max(last + FAN_OUT_WRITE_INTERVAL))
    }

    /// Returns the approximate cost of storing the run with a write, in bytes.
    fn cost(&self, update: &StatusUpdate) -> usize {
        let decisions = self.assigned.decisions.iter().filter_map(|decision| decision.input.as_ref());
        let steps = serde_json::to_value(&update.steps).map_or(0, |steps| pace::cost(&steps));
        self.input_cost + decisions.map(pace::cost).sum::<usize>() + steps
    }

    fn has_running_items(&self) -> bool {
        self.state.steps.iter().any(|step| step.phase == StepPhase::Running && step.items.is_some())
    }

    pub(super) fn status_update(&self) -> StatusUpdate {
        StatusUpdate {
            assigned: self.assigned.clone(),
            steps: persisted_steps(&self.state.steps),
            ending: self.state.ending.clone(),
            waited: self.waited,
            final_state: self.final_state.clone(),
            is_reduced: self.is_reduced,
            step_context: self.step_context.clone(),
        }
    }

    /// Starts the attempts whose intents are written. After a conflict, reads the run and prepares the next write.
    async fn handle_write_result(&mut self, write: WriteResult) -> Result<Option<RunExit>, RunError> {
        let WriteResult { result, intents, kind } = write;
        match result {
            Ok(_) if kind == WriteKind::Finish => Ok(Some(RunExit::Finished)),
            Ok(_) if kind == WriteKind::Suspend => Ok(Some(RunExit::Suspended)),
            Ok(run) => {
                let exit = self.update_assigned(run);
                self.start_attempts(intents);
                Ok(exit)
            }
            Err(WriteError::Conflict { .. }) => {
                self.intents.splice(0..0, intents);
                self.is_written = false;
                self.read_assignment().await
            }
            Err(error @ WriteError::NotAssigned { .. }) => {
                warn!(error = %chain(&error), run.name = self.assigned.name, "stopping the execution");
                Ok(Some(RunExit::Lost))
            }
            Err(error) => self.fail_if_too_large(error).map(|()| None),
        }
    }

    /// Fails a run that would be too large with its status. The next write records that, without the details of errors.
    ///
    /// # Errors
    /// Returns any other error of a write.
    pub(super) fn fail_if_too_large(&mut self, error: WriteError) -> Result<(), RunError> {
        let WriteError::TooLarge { bytes, limit, .. } = error else { return Err(error.into()) };
        let message = format!(
            "with its status, the run would have {bytes} bytes; the limit is {limit}: let its steps return less, or \
             report fewer and shorter errors"
        );
        let error = crds::run::RunError {
            step: None,
            kind: ErrorKind::User,
            code: "RUN_TOO_LARGE".to_owned(),
            message,
        };
        let finish = FinishRun { phase: RunPhase::Failed, output: None, error: Some(error) };
        self.final_state = Some(FinalState::Finish(finish));
        (self.is_reduced, self.is_written) = (true, false);
        Ok(())
    }

    /// Starts attempts whose intents are written, except those that were cancelled in the meantime.
    fn start_attempts(&mut self, intents: Vec<StartAttempt>) {
        for start in intents {
            match start {
                StartAttempt { task: Task::CreateSubRun(run), key, attempt, .. }
                    if self.state.is_running(&key, attempt) =>
                {
                    let (cluster, parent) = (self.context.cluster, self.assigned.clone());
                    self.attempts.add_creation(&key.clone(), attempt, |span| async move {
                        let outcome = child_runs::create(cluster, &parent, (&key, span), run).await;
                        EndedAttempt { key, attempt, outcome: Ok(Some(outcome)) }
                    });
                }
                start if self.state.is_running(&start.key, start.attempt) => self.attempts.start(start),
                _ => {}
            }
        }
    }

    /// Applies the outcome of an attempt to the state. A cancelled attempt has none.
    pub(super) fn handle_ended_attempt(&mut self, ended: EndedAttempt) -> Result<(), RunError> {
        let EndedAttempt { key, attempt, outcome } = ended;
        if let Some(outcome) = outcome? {
            self.is_unfit |=
                matches!(outcome, Outcome::NotStarted(_)) && self.step_context.hosts.execute(&key.step);
            let (now, random) = (telemetry::clock::now(), telemetry::ids::unit_random());
            let state = self.run.record_outcome(&self.state, &key, attempt, outcome, now, random);
            self.is_written &= state == self.state;
            self.state = state;
        }
        Ok(())
    }

    /// Returns the exit if the run is no longer assigned to this pod.
    pub(super) async fn handle_assignment(
        &mut self,
        event: AssignmentEvent,
    ) -> Result<Option<RunExit>, RunError> {
        match event {
            AssignmentEvent::Assigned(run) if run.metadata.name.as_ref() == Some(&self.assigned.name) => {
                Ok(self.update_assigned(*run))
            }
            AssignmentEvent::PossiblyRevoked { run } if run == self.assigned.name => {
                self.read_assignment().await
            }
            AssignmentEvent::Assigned(_) | AssignmentEvent::PossiblyRevoked { .. } => Ok(None),
        }
    }

    /// Reads the run from the API server. Returns the exit if it is no longer assigned to this pod.
    pub(super) async fn read_assignment(&mut self) -> Result<Option<RunExit>, RunError> {
        let cluster = self.context.cluster;
        match retry(READ_RETRY_POLICY, "read the run", || cluster.run(&self.assigned.name)).await? {
            Some(run) => Ok(self.update_assigned(run)),
            None => Ok(Some(RunExit::Lost)),
        }
    }

    /// Replaces the known version of the run by a newer one. Returns the exit if the run is no longer assigned to this
    /// pod.
    pub(super) fn update_assigned(&mut self, run: WorkflowRun) -> Option<RunExit> {
        let Some(assigned) = AssignedRun::parse(run, self.context.pod_uid) else {
            info!(run.name = self.assigned.name, "the run is no longer assigned to this pod; stopping");
            return Some(RunExit::Lost);
        };
        if assigned.uid != self.assigned.uid {
            return Some(RunExit::Lost);
        }
        if assigned.is_newer_than(&self.assigned) {
            self.assigned = assigned;
        }
        None
    }
}

async fn sleep_until_wake(at: Option<Timestamp>) {
    match at {
        Some(at) => sleep_until_timestamp(at).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until_instant(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
