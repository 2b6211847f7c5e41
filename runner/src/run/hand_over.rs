//! Orderly hand-over of a run to another pod, after SIGTERM or if this pod cannot start a step.

use std::time::Duration;

use domain::run::StartAttempt;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use crate::{
    assignment::Assignments,
    cluster::{ClusterApi, WriteError},
    run::{
        child_runs,
        execution::{Execution, KILL_TIMEOUT},
        exit::{RunError, RunExit},
        pending_write::{PendingWrite, WriteKind, WriteResult, wait_for_write},
        status_update::FinalState,
        write::write,
    },
};

/// Time for which running steps may continue. Together with [`KILL_TIMEOUT`] and [`WRITE_TIMEOUT`] it fits into the
/// pod's termination grace period of 30 s.
const STEP_GRACE: Duration = Duration::from_secs(10);
/// Maximum duration of each write during the hand-over.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

impl<C: ClusterApi> Execution<'_, C> {
    /// Starts no further attempts, records those that end in time, and releases the run. Attempts that still run are
    /// killed, and the next runner treats them as interrupted.
    ///
    /// The operator replaces a pod that is being deleted at once. The run is lost then before its steps have ended, and
    /// they are stopped, because another pod already repeats them.
    pub(super) async fn hand_over(
        mut self,
        pending: Option<PendingWrite<'_>>,
        assignments: &mut Assignments,
    ) -> Result<RunExit, RunError> {
        info!(run.name = self.assigned.name, "handing over the run");
        if let Some(exit) = self.finish_pending_write(pending).await? {
            return Ok(exit);
        }
        for start in std::mem::take(&mut self.intents) {
            self.state.revert_attempt(&start.key, start.attempt);
        }
        if let Some(exit) = self.wait_for_attempts(STEP_GRACE, assignments).await? {
            return Ok(exit);
        }
        self.attempts.stop_all();
        if let Some(exit) = self.wait_for_attempts(KILL_TIMEOUT, assignments).await? {
            return Ok(exit);
        }
        self.release().await
    }

    /// Waits for the pending write. The attempts that were to start after it become intents that are taken back.
    async fn finish_pending_write(
        &mut self,
        mut pending: Option<PendingWrite<'_>>,
    ) -> Result<Option<RunExit>, RunError> {
        if pending.is_none() {
            return Ok(None);
        }
        let Ok(write) = timeout(WRITE_TIMEOUT, wait_for_write(&mut pending)).await else { return Ok(None) };
        let WriteResult { result, intents, kind } = write;
        let unstarted: Vec<StartAttempt> =
            intents.into_iter().filter(|start| self.state.is_running(&start.key, start.attempt)).collect();
        self.intents.extend(unstarted);
        match result {
            Ok(_) if kind == WriteKind::Finish => Ok(Some(RunExit::Finished)),
            Ok(_) if kind == WriteKind::Suspend => Ok(Some(RunExit::Suspended)),
            Ok(run) => Ok(self.update_assigned(run)),
            Err(WriteError::Conflict { .. }) => Ok(None),
            Err(WriteError::NotAssigned { .. }) => Ok(Some(RunExit::Lost)),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until no attempt runs, at most for `grace`.
    async fn wait_for_attempts(
        &mut self,
        grace: Duration,
        assignments: &mut Assignments,
    ) -> Result<Option<RunExit>, RunError> {
        let deadline = Instant::now() + grace;
        while !self.attempts.is_empty() {
            let exit = tokio::select! {
                ended = self.attempts.next_ended() => {
                    self.handle_ended_attempt(ended.map_err(RunError::Attempt)?)?;
                    None
                }
                assignment = assignments.next_event(&self.assigned.name) => {
                    self.handle_assignment(assignment.ok_or(RunError::Assignments)?).await?
                }
                () = sleep_until(deadline) => return Ok(None),
            };
            if exit.is_some() {
                return Ok(exit);
            }
        }
        Ok(None)
    }

    /// Writes the state and releases the run. If the last step has just ended, the run has ended as well, and its end is
    /// written instead.
    async fn release(mut self) -> Result<RunExit, RunError> {
        let now = telemetry::clock::now();
        let advance = self.run.advance(&self.state, &self.signals(), now);
        self.child_runs.add_cancellations(advance.cancel_sub_runs);
        let cancellations = self.child_runs.take_cancellations();
        // A sub-run that is not cancelled in time ends by its own timeout, or is cancelled by the next pod.
        let _ = timeout(WRITE_TIMEOUT, child_runs::cancel(self.context.cluster, cancellations)).await;
        self.step_context.logs.flush().await;
        if let Some(finish) = advance.finish {
            self.state = advance.state;
            self.final_state = Some(FinalState::Finish(finish));
        }
        loop {
            let (patch, exit) = match self.final_state {
                Some(_) => {
                    (timeout(WRITE_TIMEOUT, self.status_update().into_patch(now)).await, RunExit::Finished)
                }
                None => (Ok(Ok(self.status_update().into_hand_over(now))), RunExit::HandedOver),
            };
            let patch = match patch {
                Ok(Ok(patch)) => patch,
                Ok(Err(error)) => {
                    self.fail_if_too_large(error)?;
                    continue;
                }
                Err(_) => {
                    warn!(
                        run.name = self.assigned.name,
                        "timed out storing the run's output during the hand-over"
                    );
                    return Ok(RunExit::Lost);
                }
            };
            let written =
                timeout(WRITE_TIMEOUT, write(self.context.cluster, &self.assigned.name, patch)).await;
            match written {
                Ok(Ok(_)) => return Ok(exit),
                Ok(Err(WriteError::Conflict { .. })) => {
                    if let Some(exit) = self.read_assignment().await? {
                        return Ok(exit);
                    }
                }
                Ok(Err(WriteError::NotAssigned { .. })) => return Ok(RunExit::Lost),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    warn!(run.name = self.assigned.name, "timed out releasing the run");
                    return Ok(RunExit::Lost);
                }
            }
        }
    }
}
