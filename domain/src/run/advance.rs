//! Computation of the next state of a run and of the actions that the runner performs.

use std::collections::BTreeMap;

use crds::constants::{EXIT_TIMEOUT_SECONDS, SUSPEND_THRESHOLD_SECONDS};
use crds::run::{Cancel, EndReason, RunPhase, StepError, StepPhase, StepStatus, Waiting, WaitingFor};
use crds::workflow::ErrorKind;
use jiff::{SignedDuration, Timestamp};

use super::attempt::step_deadline;
use super::items::running_items;
use super::run_end::StepsResult;
use super::scheduler::{Scheduler, StepGroup, skip_behind};
use super::state::{attempt, end, explain, find, running_store, step_error, waits};
use super::{Advance, ExternalEvents, Run, RunState, StepKey, StopAttempt, SuspendRun, persisted};

impl Run {
    /// Returns the next state and the actions to perform. The result depends on the arguments only, so the
    /// caller may repeat the call after a write has failed.
    #[must_use]
    pub fn advance(&self, state: &RunState, events: &ExternalEvents<'_>, now: Timestamp) -> Advance {
        let mut scheduler = Scheduler::new(self, state, events, now);
        if scheduler.group == StepGroup::Main {
            let Some(result) = scheduler.run_main() else { return scheduler.wait() };
            scheduler.end_main(result);
        }
        if scheduler.run_exit() { scheduler.finish() } else { scheduler.wait() }
    }
}

impl Scheduler<'_> {
    /// Advances the steps as far as currently possible. Returns their result once all have ended, else
    /// `None`.
    fn run_main(&mut self) -> Option<StepsResult> {
        if self.now >= self.deadline() {
            let seconds = self.run.workflow().timeout().as_secs_f64();
            let message = format!("the run took longer than {seconds} s");
            let timed_out = step_error(ErrorKind::Timeout, "RUN_TIMEOUT", message);
            let step = self.stop_all(&timed_out);
            return Some(StepsResult { phase: RunPhase::TimedOut, step, error: Some(timed_out) });
        }
        let cancelled = || {
            let error = step_error(ErrorKind::User, "CANCELLED", "the run was cancelled");
            StepsResult { phase: RunPhase::Cancelled, step: None, error: Some(error) }
        };
        match self.events.cancel {
            Some(Cancel::Now) => {
                let result = cancelled();
                self.stop_all(result.error.as_ref()?);
                return Some(result);
            }
            Some(Cancel::Graceful) => {
                self.run_until_stable();
                self.cancel_sub_runs_gracefully();
            }
            None => self.run_until_stable(),
        }
        if self.is_busy() || self.has_pending_work() {
            return None;
        }
        Some(if self.events.cancel.is_some() { cancelled() } else { self.end_of_main() })
    }

    /// Advances the `onExit` steps as far as currently possible. Returns whether they have ended.
    fn run_exit(&mut self) -> bool {
        self.group = StepGroup::OnExit;
        if self.group_steps().is_empty() {
            return true;
        }
        if self.now >= self.deadline() {
            let message = format!("the onExit steps took longer than {EXIT_TIMEOUT_SECONDS} s");
            self.stop_all(&step_error(ErrorKind::Timeout, "EXIT_TIMEOUT", message));
            self.end_remaining_steps(EndReason::RunTimedOut, "the onExit steps reached their timeout");
            return true;
        }
        self.run_until_stable();
        !self.is_busy() && !self.has_pending_work()
    }

    /// Requests a graceful cancellation of all sub-runs that unfinished steps of the current group wait for.
    fn cancel_sub_runs_gracefully(&mut self) {
        let runs: Vec<String> = self
            .statuses()
            .filter(|status| !status.phase.is_final())
            .flat_map(waits)
            .filter_map(|waiting| waiting.run.clone())
            .collect();
        self.cancel_sub_runs.extend(runs.into_iter().map(|run| (run, Cancel::Graceful)));
    }

    /// Stops all attempts of the current group, cancels its sub-runs at once and ends the started steps with
    /// the error. Returns the name of the first step that was running or suspended.
    fn stop_all(&mut self, error: &StepError) -> Option<String> {
        let phase = if error.kind == ErrorKind::Timeout { StepPhase::Failed } else { StepPhase::Cancelled };
        let mut first = None;
        for step in self.group_steps() {
            let Some(position) = self.steps.iter().position(|status| status.name == step.name) else {
                continue;
            };
            let Some(mut status) = self.steps.get_mut(position).map(std::mem::take) else { continue };
            if !status.phase.is_final() && status.started_at.is_some() {
                if matches!(status.phase, StepPhase::Running | StepPhase::Suspended) {
                    first.get_or_insert_with(|| step.name.clone());
                }
                self.stop_attempts(&status);
                status.error = Some(error.clone());
                end(&mut status, phase, self.now);
                if phase == StepPhase::Cancelled {
                    explain(&mut status, EndReason::RunCancelled, error.message.clone());
                }
            }
            if let Some(slot) = self.steps.get_mut(position) {
                *slot = status;
            }
        }
        first
    }

    /// Stops the running attempts of a step and its items, and cancels the sub-runs that they wait for.
    fn stop_attempts(&mut self, status: &StepStatus) {
        let name = &status.name;
        self.stop.extend(
            running_items(status)
                .map(|(item, attempt)| StopAttempt { key: StepKey::item(name, item), attempt }),
        );
        let step_attempt = match &status.items {
            Some(_) => running_store(status),
            None => persisted::is_busy(status).then(|| attempt(status)),
        };
        self.stop.extend(step_attempt.map(|attempt| StopAttempt { key: StepKey::step(name), attempt }));
        let runs = waits(status).filter_map(|waiting| waiting.run.clone());
        self.cancel_sub_runs.extend(runs.map(|run| (run, Cancel::Now)));
    }

    /// Returns the advance of a run that has to wait: until the next due time, or suspended without a runner.
    fn wait(self) -> Advance {
        let due = self.next_due();
        let suspend = self.may_suspend(due);
        let wait_until =
            suspend.is_none().then(|| due.map_or(self.deadline(), |due| due.min(self.deadline())));
        Advance { wait_until, suspend, ..self.into_advance() }
    }

    /// Returns the earliest time at which a step of the current group has to be evaluated without an external
    /// event, apart from the deadline of the run.
    fn next_due(&self) -> Option<Timestamp> {
        let accepts = self.accepts_attempts();
        let continues = |waiting: Option<&Waiting>| {
            accepts || waiting.is_some_and(|waiting| waiting.reason == WaitingFor::Run)
        };
        let next_of_step = |status: &StepStatus| {
            let items = status.items.iter().flat_map(|items| &items.active);
            let items = items.filter(|item| continues(item.waiting.as_ref()));
            let deadline = self
                .run
                .workflow()
                .step(&status.name)
                .filter(|_| accepts && status.items.is_some())
                .and_then(|step| step_deadline(step, status));
            let due_times = status
                .next_at
                .iter()
                .filter(|_| continues(status.waiting.as_ref()))
                .chain(items.filter_map(|item| item.next_at.as_ref()));
            due_times.map(|time| time.0).chain(deadline).min()
        };
        self.statuses().filter(|status| !status.phase.is_final()).filter_map(next_of_step).min()
    }

    /// Returns the suspension that releases the runner, if no attempt is running and nothing is due soon. A
    /// run that is being cancelled is never suspended, so that its runner can bring it to its end.
    fn may_suspend(&self, due: Option<Timestamp>) -> Option<SuspendRun> {
        let busy = |status: &StepStatus| {
            !status.phase.is_final() && (persisted::is_busy(status) || is_unsaved(status))
        };
        if self.events.cancel.is_some() || self.statuses().any(busy) {
            return None;
        }
        let waits = |reason: WaitingFor| {
            self.statuses()
                .filter(|status| !status.phase.is_final())
                .flat_map(waits)
                .any(|waiting| waiting.reason == reason)
        };
        let is_person_or_time = waits(WaitingFor::Approval) || waits(WaitingFor::Time);
        let stops_clock = self.group == StepGroup::Main && is_person_or_time;
        let wake_at =
            if stops_clock { due } else { Some(due.map_or(self.deadline(), |due| due.min(self.deadline()))) };
        let is_soon = wake_at.is_some_and(|at| {
            at.duration_since(self.now) <= SignedDuration::from_secs(SUSPEND_THRESHOLD_SECONDS)
        });
        (!is_soon).then_some(SuspendRun { wake_at, stops_clock })
    }

    /// Ends the unfinished steps of the current group: steps that did not start and depend on a failed step
    /// become Skipped, the others Cancelled for the reason.
    pub(super) fn end_remaining_steps(&mut self, reason: EndReason, message: &str) {
        let failures: BTreeMap<&str, Option<&str>> = self
            .group_steps()
            .iter()
            .map(|step| (step.name.as_str(), self.failure_upstream(&step.name)))
            .collect();
        let now = self.now;
        for status in self.steps.iter_mut().filter(|status| !status.phase.is_final()) {
            match failures.get(status.name.as_str()) {
                None => {}
                Some(Some(failed)) if status.started_at.is_none() => skip_behind(status, failed, now),
                Some(_) => {
                    end(status, StepPhase::Cancelled, now);
                    explain(status, reason, message.to_owned());
                }
            }
        }
    }

    /// Returns the step of the current group that failed first. Of several that failed at the same time, it
    /// is the first in the workflow.
    pub(super) fn first_failure(&self) -> Option<&StepStatus> {
        let statuses = self.group_steps().iter().filter_map(|step| find(&self.steps, &step.name));
        statuses
            .filter(|status| self.is_fatal(status))
            .min_by_key(|status| status.finished_at.as_ref().map(|time| time.0))
    }
}

/// Returns whether an output of the step or of one of its items is in the memory of the runner only.
fn is_unsaved(status: &StepStatus) -> bool {
    let unfinished = |items: &crds::run::ItemsStatus| {
        items.active.iter().any(|item| items.outputs.contains_key(&item.index))
    };
    status.output.is_some() || status.items.as_ref().is_some_and(unfinished)
}
