//! Resumption of a run after its runner was lost or handed the run over.

use crds::run::{ItemsStatus, StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::apply::{apply, inline_bytes};
use super::attempt::{Ambient, Attempts, Transition, retry_or_fail, step_deadline};
use super::item_outputs::apply_item;
use super::ranges::Ranges;
use super::state::{
    attempt, is_pending_reference, is_running_item, revert_item_attempt, revert_step_attempt, step_error,
};
use super::{Failure, Run, RunState};
use crate::workflow::{Action, Step};

/// Cause for which the previous runner was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerLoss {
    /// The pod was deleted or killed, or the runner handed the run over.
    Interrupted,
    /// A container of the pod ran out of memory.
    OutOfMemory,
    /// The pod used more disk than it may.
    DiskFull,
}

impl RunnerLoss {
    /// Parses `status.runner.lost.reason`, which the operator writes.
    #[must_use]
    pub fn from_reason(reason: Option<&str>) -> Self {
        match reason {
            Some("OOMKilled") => Self::OutOfMemory,
            Some("DiskLimitExceeded") => Self::DiskFull,
            _ => Self::Interrupted,
        }
    }

    /// Returns the error of the step that has caused the loss, if the code of a step is the cause.
    fn error_of_step(&self) -> Option<StepError> {
        let (code, message) = match self {
            Self::Interrupted => return None,
            Self::OutOfMemory => ("OOM_KILLED", "the step ran out of memory"),
            Self::DiskFull => ("DISK_FULL", "the files of the step exceeded the disk limit of its pod"),
        };
        Some(step_error(ErrorKind::User, code, message))
    }
}

/// Effect of the loss on an attempt that was running.
enum InterruptedAttempt {
    /// The attempt is repeated and does not count.
    NotCounted,
    /// The attempt failed.
    Failed(StepError),
}

impl Run {
    /// Returns the state after the loss of the previous runner: the attempts that were running have failed or
    /// are repeated. It is unknown whether they had their side effects; by default each is retried at once,
    /// as the next attempt.
    ///
    /// A step whose `retry.kinds` does not contain `Infra` runs at most once and fails with `INTERRUPTED`. If a
    /// container ran out of memory or the pod out of disk, the attempt fails if it was the only one that ran in a host. If several
    /// ran in hosts, the cause is unknown: all are repeated without being counted, and the operator counts
    /// the lost pods. Attempts without side effects of their own are never counted: expressions, and the
    /// creation of a sub-run, whose name is the same when it is repeated.
    #[must_use]
    pub fn resume(&self, state: &RunState, lost: &RunnerLoss, now: Timestamp) -> RunState {
        let mut next = state.clone();
        let in_hosts: usize = state.steps.iter().map(|status| self.count_in_hosts(status)).sum();
        let run_deadline = self.deadline_of(state.ending.as_ref());
        for status in &mut next.steps {
            self.cache_stored_values(status);
            if status.phase.is_final() {
                continue;
            }
            let Some(step) = self.workflow().step(&status.name) else { continue };
            discard_unfinished_stores(status);
            let other_bytes = inline_bytes(&state.steps, &step.name);
            let attempts = |attempt| Attempts {
                attempt,
                not_started: 0,
                step_deadline: step_deadline(step, status),
                run_deadline,
            };
            let transition_of = |attempt| match classify_interruption(step, lost, in_hosts, attempt) {
                InterruptedAttempt::NotCounted => None,
                InterruptedAttempt::Failed(error) => {
                    Some(self.interrupted(step, state, attempts(attempt), error, now))
                }
            };
            match &status.items {
                None if status.phase == StepPhase::Running => match transition_of(attempt(status)) {
                    None => revert_step_attempt(status),
                    Some(transition) => apply(self, step, status, transition, other_bytes, now),
                },
                None => {}
                Some(items) => {
                    let running = items.active.iter().filter(|item| is_running_item(item, items));
                    let transitions: Vec<_> =
                        running.map(|item| (item.index, transition_of(item.attempt))).collect();
                    for (index, transition) in transitions {
                        match (transition, &mut status.items) {
                            (None, Some(items)) => revert_item_attempt(items, index),
                            (Some(transition), _) => {
                                apply_item(self, step, status, index, transition, other_bytes, now)
                            }
                            (None, None) => {}
                        }
                    }
                }
            }
        }
        next
    }

    /// Returns the transition of an interrupted attempt that failed: a retry if the step permits it, else
    /// `Failed`.
    fn interrupted(
        &self,
        step: &Step,
        state: &RunState,
        attempts: Attempts,
        error: StepError,
        now: Timestamp,
    ) -> Transition {
        let context = || self.context(&state.steps, state.ending.as_ref());
        let failure = Failure { error, retry_after: None };
        match retry_or_fail(step, attempts, failure, Ambient { now, random: 0.5 }, context) {
            // The replacement of the pod has already taken time, so no further backoff is needed.
            Transition::Retry { retry_at: _, error, counts_as_attempt } if error.kind == ErrorKind::Infra => {
                Transition::Retry { retry_at: now, error, counts_as_attempt }
            }
            transition => transition,
        }
    }

    /// Returns the number of running attempts of a step that run in a host.
    fn count_in_hosts(&self, status: &StepStatus) -> usize {
        if status.phase.is_final() || !self.workflow().step(&status.name).is_some_and(runs_in_host) {
            return 0;
        }
        match &status.items {
            None => usize::from(status.phase == StepPhase::Running),
            Some(items) => items.active.iter().filter(|item| is_running_item(item, items)).count(),
        }
    }
}

/// Returns whether the attempts of a step run in a host, which is a container of the pod.
fn runs_in_host(step: &Step) -> bool {
    matches!(step.action, Action::Python(_) | Action::Container(_))
}

/// Returns the effect of the loss of the runner on a running attempt.
fn classify_interruption(
    step: &Step,
    lost: &RunnerLoss,
    in_hosts: usize,
    attempt: u32,
) -> InterruptedAttempt {
    if matches!(step.action, Action::Expr(_) | Action::Workflow(_)) {
        return InterruptedAttempt::NotCounted;
    }
    match lost.error_of_step() {
        Some(error) if runs_in_host(step) && in_hosts == 1 => InterruptedAttempt::Failed(error),
        Some(_) if runs_in_host(step) && step.retry.kinds.contains(&ErrorKind::Infra) => {
            InterruptedAttempt::NotCounted
        }
        _ => InterruptedAttempt::Failed(interruption(step, attempt)),
    }
}

/// Builds the error of an attempt whose pod was lost.
fn interruption(step: &Step, attempt: u32) -> StepError {
    if step.retry.kinds.contains(&ErrorKind::Infra) {
        let message = format!("the pod was lost during attempt {attempt} of {}", step.retry.attempts);
        step_error(ErrorKind::Infra, "RUNNER_LOST", message)
    } else {
        step_error(
            ErrorKind::Infra,
            "INTERRUPTED",
            "the pod was lost; the step is not retried, since its retry.kinds does not contain Infra",
        )
    }
}

/// Discards outputs that were only in the memory of the lost runner. The attempts that produced them then
/// count as running.
fn discard_unfinished_stores(status: &mut StepStatus) {
    status.output = None;
    status.output_ref = None;
    let Some(items) = &mut status.items else { return };
    let ItemsStatus { done, outputs, batches, .. } = items;
    let done = Ranges::parse(done);
    batches.retain(|batch| !is_pending_reference(Some(&batch.output_ref)));
    outputs.retain(|index, _| done.contains(*index));
    // For a step with items, this was the time of the next store.
    status.next_at = None;
}
