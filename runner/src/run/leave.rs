//! Leaves a run to another pod, in good order: SIGTERM.

use std::time::Duration;

use domain::run::Start;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tracing::{info, warn};

use crate::{
    assignment::Assignment,
    run::{
        Left, RunError, children,
        execution::{Close, Execution, KILL_TIMEOUT},
        flight::{Flight, Kind, Landed, landed},
        write::write,
    },
    store::{Store, WriteError},
};

/// How long running steps may go on. With the two bounds below it fits into the pod's 30 s.
const GRACE: Duration = Duration::from_secs(10);
/// How long a write may take now.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

impl<S: Store> Execution<'_, S> {
    /// Starts nothing more, records what ends in time, and gives the run back. What still runs then is killed;
    /// to the next runner it was interrupted.
    ///
    /// A pod that is being deleted is replaced at once: then the run is lost before the steps have ended, and
    /// they are stopped, because another pod repeats them already.
    pub(super) async fn leave(
        mut self,
        flight: Option<Flight<'_>>,
        assignments: &mut mpsc::Receiver<Assignment>,
    ) -> Result<Left, RunError> {
        info!(run.name = self.held.name, "giving the run back");
        if let Some(left) = self.land(flight).await? {
            return Ok(left);
        }
        for start in std::mem::take(&mut self.intents) {
            self.state.take_back(&start.place, start.attempt);
        }
        if let Some(left) = self.drain(GRACE, assignments).await? {
            return Ok(left);
        }
        self.attempts.stop_all();
        if let Some(left) = self.drain(KILL_TIMEOUT, assignments).await? {
            return Ok(left);
        }
        self.give_back().await
    }

    /// Waits for the write that is under way. The attempts that it was to start are not started.
    async fn land(&mut self, mut flight: Option<Flight<'_>>) -> Result<Option<Left>, RunError> {
        if flight.is_none() {
            return Ok(None);
        }
        let Ok(Landed { result, intents, kind }) = timeout(WRITE_TIMEOUT, landed(&mut flight)).await else {
            return Ok(None);
        };
        let unstarted: Vec<Start> =
            intents.into_iter().filter(|start| self.state.is_running(&start.place, start.attempt)).collect();
        self.intents.extend(unstarted);
        match result {
            Ok(_) if kind == Kind::End => Ok(Some(Left::Finished)),
            Ok(_) if kind == Kind::Suspend => Ok(Some(Left::Suspended)),
            Ok(run) => Ok(self.renew(run)),
            Err(WriteError::Conflict { .. }) => Ok(None),
            Err(WriteError::NotHeld { .. }) => Ok(Some(Left::Lost)),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until nothing runs, for so long.
    async fn drain(
        &mut self,
        patience: Duration,
        assignments: &mut mpsc::Receiver<Assignment>,
    ) -> Result<Option<Left>, RunError> {
        let until = Instant::now() + patience;
        while !self.attempts.is_empty() {
            let left = tokio::select! {
                ended = self.attempts.next() => self.ended(ended.map_err(RunError::Attempt)?)?,
                assignment = assignments.recv() => {
                    self.assigned(assignment.ok_or(RunError::Assignments)?).await?
                }
                () = sleep_until(until) => return Ok(None),
            };
            if left.is_some() {
                return Ok(left);
            }
        }
        Ok(None)
    }

    /// The last step may just have ended: then the run has, and there is nothing to give back.
    async fn give_back(mut self) -> Result<Left, RunError> {
        let now = telemetry::clock::now();
        let advance = self.run.advance(&self.state, &self.signals(), now);
        self.children.cancel(advance.cancel_children);
        let to_cancel = self.children.take_to_cancel();
        // One that is not asked in time ends by its own timeout, or with the next pod's cancel.
        let _ = timeout(WRITE_TIMEOUT, children::cancel(self.setting.store, to_cancel)).await;
        self.means.logs.flush().await;
        if let Some(finish) = advance.finish {
            self.state = advance.state;
            self.close = Some(Close::Finish(finish));
        }
        loop {
            let (patch, left) = match self.close {
                Some(_) => (timeout(WRITE_TIMEOUT, self.status().into_patch(now)).await, Left::Finished),
                None => (Ok(self.status().into_hand_back()), Left::HandedBack),
            };
            let Ok(patch) = patch else {
                warn!(run.name = self.held.name, "could not store the run's output in time");
                return Ok(Left::Lost);
            };
            let written = timeout(WRITE_TIMEOUT, write(self.setting.store, &self.held.name, patch)).await;
            match written {
                Ok(Ok(_)) => return Ok(left),
                Ok(Err(WriteError::Conflict { .. })) => {
                    if let Some(left) = self.look().await? {
                        return Ok(left);
                    }
                }
                Ok(Err(WriteError::NotHeld { .. })) => return Ok(Left::Lost),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    warn!(run.name = self.held.name, "could not give the run back in time");
                    return Ok(Left::Lost);
                }
            }
        }
    }
}
