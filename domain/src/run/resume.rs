//! Going on with a run that another runner has left.

use crds::run::{StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::state::error;
use super::{Run, State};
use crate::workflow::{Action, Step};

/// How the runner before was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Its pod went, it was killed, or it handed the run back.
    Interrupted,
    /// A container of its pod was out of memory.
    OutOfMemory,
}

impl Lost {
    /// From `status.runner.lost.reason`, as the operator writes it.
    #[must_use]
    pub fn parse(reason: Option<&str>) -> Self {
        if reason == Some("OOMKilled") { Self::OutOfMemory } else { Self::Interrupted }
    }
}

impl Run {
    /// What has become of the steps that ran when the runner before was lost. They may have had their side effects, or
    /// not; by default they are tried again at once, as the next attempt.
    ///
    /// A step whose `retry.on` leaves out `Infra` runs at most once and fails with `INTERRUPTED`. Out of memory is the
    /// fault of the step where only one ran in a host; where several did, nobody knows whose it was, and all are
    /// taken as interrupted.
    #[must_use]
    pub fn resume(&self, state: &State, lost: &Lost, now: Timestamp) -> State {
        let mut next = state.clone();
        let steps = &state.steps;
        let in_hosts = steps.iter().filter(|status| self.runs_in_host(status)).count();
        for status in next.steps.iter_mut().filter(|status| status.phase == StepPhase::Running) {
            let Some(step) = self.workflow().step(&status.name) else { continue };
            let error = match lost {
                Lost::OutOfMemory if in_hosts == 1 && self.runs_in_host(status) => {
                    error(ErrorKind::User, "OOM_KILLED", "the step ran out of memory")
                }
                Lost::OutOfMemory | Lost::Interrupted => interruption(step, status),
            };
            self.fail(step, steps, status, error, now, now);
        }
        next
    }

    fn runs_in_host(&self, status: &StepStatus) -> bool {
        status.phase == StepPhase::Running
            && self.workflow().step(&status.name).is_some_and(|step| matches!(step.action, Action::Python(_)))
    }
}

fn interruption(step: &Step, status: &StepStatus) -> StepError {
    let attempt = status.attempt.unwrap_or(0);
    if step.retry.on.contains(&ErrorKind::Infra) {
        let message = format!("the pod was lost during attempt {attempt} of {}", step.retry.attempts);
        error(ErrorKind::Infra, "RUNNER_LOST", message)
    } else {
        error(
            ErrorKind::Infra,
            "INTERRUPTED",
            "the pod was lost, and the step's retry.on leaves out Infra: it runs at most once",
        )
    }
}
