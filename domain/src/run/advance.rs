//! What comes next.

use crds::constants::{EXIT_TIMEOUT_SECONDS, SUSPEND_THRESHOLD_SECONDS};
use crds::run::{Cancel, RunPhase, StepError, StepPhase, StepStatus, Waiting, WaitingFor};
use crds::workflow::ErrorKind;
use jiff::{SignedDuration, Timestamp};

use super::attempt::step_deadline;
use super::items::running_items;
use super::run_end::End;
use super::scheduler::{Scheduler, StepGroup};
use super::state::{attempt, end, find, running_store, step_error, waits};
use super::{Advance, ExternalEvents, Run, RunState, StepKey, StopAttempt, SuspendRun, persisted};

impl Run {
    /// What comes next. The same arguments give the same answer, so it can be asked again after a write has failed.
    #[must_use]
    pub fn advance(&self, state: &RunState, signals: &ExternalEvents<'_>, now: Timestamp) -> Advance {
        let mut scheduler = Scheduler::new(self, state, signals, now);
        if scheduler.part == StepGroup::Main {
            let Some(ended) = scheduler.run_main() else { return scheduler.wait() };
            scheduler.end_main(ended);
        }
        if scheduler.run_exit() { scheduler.finish() } else { scheduler.wait() }
    }
}

impl Scheduler<'_> {
    /// Runs the steps as far as they come now; how they ended, once they have.
    fn run_main(&mut self) -> Option<End> {
        if self.now >= self.deadline() {
            let seconds = self.run.workflow().timeout().as_secs_f64();
            let message = format!("the run took longer than {seconds} s");
            let timed_out = step_error(ErrorKind::Timeout, "RUN_TIMEOUT", message);
            let step = self.stop_all(&timed_out);
            return Some(End { phase: RunPhase::TimedOut, step, error: Some(timed_out) });
        }
        let cancelled = || {
            let error = step_error(ErrorKind::User, "CANCELLED", "the run was cancelled");
            End { phase: RunPhase::Cancelled, step: None, error: Some(error) }
        };
        match self.signals.cancel {
            Some(Cancel::Now) => {
                let end = cancelled();
                self.stop_all(end.error.as_ref()?);
                return Some(end);
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
        Some(if self.signals.cancel.is_some() { cancelled() } else { self.end_of_main() })
    }

    /// Runs the `onExit` steps as far as they come now; whether they have ended.
    fn run_exit(&mut self) -> bool {
        self.part = StepGroup::OnExit;
        if self.part().is_empty() {
            return true;
        }
        if self.now >= self.deadline() {
            let message = format!("the onExit steps took longer than {EXIT_TIMEOUT_SECONDS} s");
            self.stop_all(&step_error(ErrorKind::Timeout, "EXIT_TIMEOUT", message));
            self.end_remaining_steps();
            return true;
        }
        self.run_until_stable();
        !self.is_busy() && !self.has_pending_work()
    }

    fn cancel_sub_runs_gracefully(&mut self) {
        let runs: Vec<String> = self
            .statuses()
            .filter(|status| !status.phase.is_final())
            .flat_map(waits)
            .filter_map(|waiting| waiting.run.clone())
            .collect();
        self.cancel_sub_runs.extend(runs.into_iter().map(|run| (run, Cancel::Graceful)));
    }

    /// Ends all that has begun, at once. The first step of which something ran.
    fn stop_all(&mut self, because: &StepError) -> Option<String> {
        let phase = if because.kind == ErrorKind::Timeout { StepPhase::Failed } else { StepPhase::Cancelled };
        let mut first = None;
        for step in self.part() {
            let Some(at) = self.steps.iter().position(|status| status.name == step.name) else { continue };
            let Some(mut status) = self.steps.get_mut(at).map(std::mem::take) else { continue };
            if !status.phase.is_final() && status.started_at.is_some() {
                if matches!(status.phase, StepPhase::Running | StepPhase::Suspended) {
                    first.get_or_insert_with(|| step.name.clone());
                }
                self.stop_attempts(&status);
                status.error = Some(because.clone());
                end(&mut status, phase, self.now);
            }
            if let Some(slot) = self.steps.get_mut(at) {
                *slot = status;
            }
        }
        first
    }

    fn stop_attempts(&mut self, status: &StepStatus) {
        let name = &status.name;
        self.stop.extend(
            running_items(status)
                .map(|(item, attempt)| StopAttempt { key: StepKey::item(name, item), attempt }),
        );
        let of_step = match &status.items {
            Some(_) => running_store(status),
            None => persisted::is_busy(status).then(|| attempt(status)),
        };
        self.stop.extend(of_step.map(|attempt| StopAttempt { key: StepKey::step(name), attempt }));
        let runs = waits(status).filter_map(|waiting| waiting.run.clone());
        self.cancel_sub_runs.extend(runs.map(|run| (run, Cancel::Now)));
    }

    /// Nothing more can be done now.
    fn wait(self) -> Advance {
        let due = self.next_due();
        let suspend = self.may_suspend(due);
        let wait_until =
            suspend.is_none().then(|| due.map_or(self.deadline(), |due| due.min(self.deadline())));
        Advance { wait_until, suspend, ..self.into_advance() }
    }

    /// When something happens by itself, but for the run's deadline.
    fn next_due(&self) -> Option<Timestamp> {
        let accepts = self.accepts_attempts();
        let goes_on = |waiting: Option<&Waiting>| {
            accepts || waiting.is_some_and(|waiting| waiting.reason == WaitingFor::Run)
        };
        let of_step = |status: &StepStatus| {
            let items = status.items.iter().flat_map(|items| &items.active);
            let items = items.filter(|item| goes_on(item.waiting.as_ref()));
            let deadline = self
                .run
                .workflow()
                .step(&status.name)
                .filter(|_| accepts && status.items.is_some())
                .and_then(|step| step_deadline(step, status));
            let own = status
                .next_at
                .iter()
                .filter(|_| goes_on(status.waiting.as_ref()))
                .chain(items.filter_map(|item| item.next_at.as_ref()));
            own.map(|time| time.0).chain(deadline).min()
        };
        self.statuses().filter(|status| !status.phase.is_final()).filter_map(of_step).min()
    }

    /// Gives the runner back where nothing runs and nothing is due soon. A run that is cancelled is unfinished to its end: who
    /// is cancelled is woken up.
    fn may_suspend(&self, due: Option<Timestamp>) -> Option<SuspendRun> {
        let busy = |status: &StepStatus| {
            !status.phase.is_final() && (persisted::is_busy(status) || is_unsaved(status))
        };
        if self.signals.cancel.is_some() || self.statuses().any(busy) {
            return None;
        }
        let waits = |reason: WaitingFor| {
            self.statuses()
                .filter(|status| !status.phase.is_final())
                .flat_map(waits)
                .any(|waiting| waiting.reason == reason)
        };
        let is_person_or_time = waits(WaitingFor::Approval) || waits(WaitingFor::Time);
        let stops_clock = self.part == StepGroup::Main && is_person_or_time;
        let wake_at =
            if stops_clock { due } else { Some(due.map_or(self.deadline(), |due| due.min(self.deadline()))) };
        let is_soon = wake_at.is_some_and(|at| {
            at.duration_since(self.now) <= SignedDuration::from_secs(SUSPEND_THRESHOLD_SECONDS)
        });
        (!is_soon).then_some(SuspendRun { wake_at, stops_clock })
    }

    /// Ends what has not begun, or not ended: Skipped behind a failure, else Cancelled.
    pub(super) fn end_remaining_steps(&mut self) {
        let skipped: Vec<String> = self
            .part()
            .iter()
            .filter(|step| self.is_behind_failure(&step.name))
            .map(|step| step.name.clone())
            .collect();
        let names: Vec<&str> = self.part().iter().map(|step| step.name.as_str()).collect();
        let now = self.now;
        for status in self.steps.iter_mut().filter(|status| names.contains(&status.name.as_str())) {
            if !status.phase.is_final() {
                let is_skipped = skipped.contains(&status.name) && status.started_at.is_none();
                end(status, if is_skipped { StepPhase::Skipped } else { StepPhase::Cancelled }, now);
            }
        }
    }

    /// The step of its part that failed first; of several at the same time the first in the workflow.
    pub(super) fn first_failure(&self) -> Option<&StepStatus> {
        let fatal = self.part().iter().filter_map(|step| find(&self.steps, &step.name));
        fatal
            .filter(|status| self.is_fatal(status))
            .min_by_key(|status| status.finished_at.as_ref().map(|time| time.0))
    }
}

/// Whether a value of it is in memory alone.
fn is_unsaved(status: &StepStatus) -> bool {
    let unfinished = |items: &crds::run::ItemsStatus| {
        items.active.iter().any(|item| items.outputs.contains_key(&item.index))
    };
    status.output.is_some() || status.items.as_ref().is_some_and(unfinished)
}
