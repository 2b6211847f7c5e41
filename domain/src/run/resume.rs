//! Resuming a run after its runner was lost or handed it over.

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
}

impl RunnerLoss {
    /// Parses `status.runner.lost.reason`, which the operator writes.
    #[must_use]
    pub fn from_reason(reason: Option<&str>) -> Self {
        if reason == Some("OOMKilled") { Self::OutOfMemory } else { Self::Interrupted }
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
    /// What has become of the attempts that ran when the runner before was lost. They may have had their side effects, or
    /// not; by default they are tried again at once, as the next attempt.
    ///
    /// A step whose `retry.on` leaves out `Infra` runs at most once and fails with `INTERRUPTED`. Out of memory is the
    /// fault of the attempt where only one ran in a host; where several did, nobody knows whose it was: all are made
    /// again without being counted, and the operator counts the pods that are lost. What does nothing by itself (an
    /// expression, the creation of a sub-run, whose name is the same again) is never counted.
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
            let others = inline_bytes(&state.steps, &step.name);
            let attempts = |attempt| Attempts {
                attempt,
                not_started: 0,
                step_deadline: step_deadline(step, status),
                run_deadline,
            };
            let fate = |attempt| match classify_interruption(step, lost, in_hosts, attempt) {
                InterruptedAttempt::NotCounted => None,
                InterruptedAttempt::Failed(error) => {
                    Some(self.interrupted(step, state, attempts(attempt), error, now))
                }
            };
            match &status.items {
                None if status.phase == StepPhase::Running => match fate(attempt(status)) {
                    None => revert_step_attempt(status),
                    Some(after) => apply(self, step, status, after, others, now),
                },
                None => {}
                Some(items) => {
                    let under_way = items.active.iter().filter(|item| is_running_item(item, items));
                    let fates: Vec<_> = under_way.map(|item| (item.index, fate(item.attempt))).collect();
                    for (index, fate) in fates {
                        match (fate, &mut status.items) {
                            (None, Some(items)) => revert_item_attempt(items, index),
                            (Some(after), _) => apply_item(self, step, status, index, after, others, now),
                            (None, None) => {}
                        }
                    }
                }
            }
        }
        next
    }

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
            // Replacing the pod took time already, so there is no further backoff.
            Transition::Retry { at: _, error, counts } if error.kind == ErrorKind::Infra => {
                Transition::Retry { at: now, error, counts }
            }
            after => after,
        }
    }

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

fn runs_in_host(step: &Step) -> bool {
    matches!(step.action, Action::Python(_) | Action::Container(_))
}

fn classify_interruption(
    step: &Step,
    lost: &RunnerLoss,
    in_hosts: usize,
    attempt: u32,
) -> InterruptedAttempt {
    if matches!(step.action, Action::Expr(_) | Action::Workflow(_)) {
        return InterruptedAttempt::NotCounted;
    }
    match lost {
        RunnerLoss::OutOfMemory if runs_in_host(step) && in_hosts == 1 => InterruptedAttempt::Failed(
            step_error(ErrorKind::User, "OOM_KILLED", "the step ran out of memory"),
        ),
        RunnerLoss::OutOfMemory if runs_in_host(step) && step.retry.on.contains(&ErrorKind::Infra) => {
            InterruptedAttempt::NotCounted
        }
        RunnerLoss::OutOfMemory | RunnerLoss::Interrupted => {
            InterruptedAttempt::Failed(interruption(step, attempt))
        }
    }
}

fn interruption(step: &Step, attempt: u32) -> StepError {
    if step.retry.on.contains(&ErrorKind::Infra) {
        let message = format!("the pod was lost during attempt {attempt} of {}", step.retry.attempts);
        step_error(ErrorKind::Infra, "RUNNER_LOST", message)
    } else {
        step_error(
            ErrorKind::Infra,
            "INTERRUPTED",
            "the pod was lost, and the step's retry.on leaves out Infra: it runs at most once",
        )
    }
}

/// Values that were in the runner's memory alone are lost: who gave them is taken as running.
fn discard_unfinished_stores(status: &mut StepStatus) {
    status.output = None;
    status.output_ref = None;
    let Some(items) = &mut status.items else { return };
    let ItemsStatus { done, outputs, batches, .. } = items;
    let done = Ranges::parse(done);
    batches.retain(|batch| !is_pending_reference(Some(&batch.output_ref)));
    outputs.retain(|index, _| done.contains(*index));
    // The time was that of the next store.
    status.next_at = None;
}
