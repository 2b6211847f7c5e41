//! Scheduler, which evaluates the steps repeatedly until no step changes any more.

use crds::constants::{EXIT_TIMEOUT_SECONDS, MAX_ACTIVE_ITEMS};
use crds::run::{Cancel, EndReason, RunEnding, StepPhase, StepStatus, Waiting};
use jiff::Timestamp;

use super::apply::{apply, inline_bytes};
use super::attempt::{Attempts, Transition, step_deadline};
use super::render::{Rendered, expression_error};
use super::state::{after, attempt, end, explain, find, pending_reference, waits};
use super::{Advance, ExternalEvents, Run, RunState, StartAttempt, StepKey, StopAttempt, Task, persisted};
use crate::expr::{Context, Program};
use crate::workflow::Step;

/// Group of steps that the scheduler evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepGroup {
    /// `spec.steps`.
    Main,
    /// `spec.onExit`.
    OnExit,
}

/// Evaluation of the steps of a run at one time, and the actions collected so far.
pub(super) struct Scheduler<'a> {
    pub(super) run: &'a Run,
    pub(super) events: &'a ExternalEvents<'a>,
    pub(super) now: Timestamp,
    /// Group of steps that is being evaluated.
    pub(super) group: StepGroup,
    /// Status of each step of the workflow, in order, `onExit` steps last.
    pub(super) steps: Vec<StepStatus>,
    pub(super) ending: Option<RunEnding>,
    pub(super) start: Vec<StartAttempt>,
    pub(super) stop: Vec<StopAttempt>,
    pub(super) cancel_sub_runs: Vec<(String, Cancel)>,
    /// Cached expression context of the current steps; `None` after a change.
    pub(super) context: Option<Context>,
}

/// Result of starting an attempt of a step or item.
pub(super) enum AttemptStart {
    Started(Box<StartAttempt>),
    /// The step or item waits, at most until this time.
    Suspended(Waiting, Option<Timestamp>),
    /// The attempt ended without a runner.
    Completed(Transition),
}

impl<'a> Scheduler<'a> {
    /// Creates a scheduler for the state of a run. Steps that the state does not contain yet are pending.
    pub(super) fn new(
        run: &'a Run,
        state: &RunState,
        events: &'a ExternalEvents<'a>,
        now: Timestamp,
    ) -> Self {
        let workflow = run.workflow();
        let steps = workflow.steps().iter().chain(workflow.on_exit()).map(|step| {
            find(&state.steps, &step.name)
                .cloned()
                .unwrap_or_else(|| StepStatus { name: step.name.clone(), ..StepStatus::default() })
        });
        Self {
            run,
            events,
            now,
            group: if state.ending.is_some() { StepGroup::OnExit } else { StepGroup::Main },
            steps: steps.collect(),
            ending: state.ending.clone(),
            start: Vec::new(),
            stop: Vec::new(),
            cancel_sub_runs: Vec::new(),
            context: None,
        }
    }

    /// Returns the next state and the collected actions.
    pub(super) fn into_advance(self) -> Advance {
        let Self { run, mut steps, ending, start, stop, cancel_sub_runs, .. } = self;
        steps.iter_mut().for_each(|step| run.cache_stored_values(step));
        Advance { state: RunState { steps, ending }, start, stop, cancel_sub_runs, ..Advance::default() }
    }

    /// Returns the time by which the steps of the current group must have ended.
    pub(super) fn deadline(&self) -> Timestamp {
        self.run.deadline_of(self.ending.as_ref())
    }

    /// Returns the steps of the current group.
    pub(super) fn group_steps(&self) -> &'a [Step] {
        let run: &'a Run = self.run;
        match self.group {
            StepGroup::Main => run.workflow().steps(),
            StepGroup::OnExit => run.workflow().on_exit(),
        }
    }

    /// Returns the status of the steps of the current group.
    pub(super) fn statuses(&self) -> impl Iterator<Item = &StepStatus> {
        self.group_steps().iter().filter_map(|step| find(&self.steps, &step.name))
    }

    /// Returns whether a step of the current group without `continueOnError` has failed.
    pub(super) fn is_failing(&self) -> bool {
        self.statuses().any(|status| self.is_fatal(status))
    }

    /// Returns whether a step without `continueOnError` has failed.
    pub(super) fn is_fatal(&self, status: &StepStatus) -> bool {
        status.phase == StepPhase::Failed
            && !self.run.workflow().step(&status.name).is_some_and(|step| step.continue_on_error)
    }

    /// Returns whether new attempts may start. `onExit` steps start regardless of earlier failures, including
    /// those of other `onExit` steps.
    pub(super) fn accepts_attempts(&self) -> bool {
        match self.group {
            StepGroup::Main => self.events.cancel.is_none() && !self.is_failing(),
            StepGroup::OnExit => true,
        }
    }

    /// Starts all ready attempts and completes all waits that are over, until no step changes any more. Each
    /// change moves a step forward, so the loop terminates.
    pub(super) fn run_until_stable(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for (position, step) in self.positions() {
                if self.evaluate_step(position, step) {
                    changed = true;
                    self.context = None;
                }
            }
        }
    }

    /// Returns the steps of the current group with their positions in `steps`.
    fn positions(&self) -> impl Iterator<Item = (usize, &'a Step)> + use<'a> {
        let first = if self.group == StepGroup::Main { 0 } else { self.run.workflow().steps().len() };
        (first..).zip(self.group_steps())
    }

    /// Evaluates one step. Returns whether its status changed.
    fn evaluate_step(&mut self, position: usize, step: &'a Step) -> bool {
        let Some(status) = self.steps.get(position) else { return false };
        match (status.phase, &status.items) {
            (phase, _) if phase.is_final() => false,
            (_, Some(_)) => self.change(position, |scheduler, status| scheduler.evaluate_items(step, status)),
            (StepPhase::Pending, None) => {
                self.is_ready(step, status)
                    && self.change(position, |scheduler, status| scheduler.begin_step(step, status))
            }
            (StepPhase::Suspended, None) => {
                self.change(position, |scheduler, status| scheduler.complete_waiting_step(step, status))
            }
            (_, None) => self.change(position, |scheduler, status| scheduler.store_output(status)),
        }
    }

    /// Applies a change to the status of a step. The status is moved out of `steps` during the change, since
    /// the change borrows the scheduler.
    fn change(&mut self, position: usize, change: impl FnOnce(&mut Self, &mut StepStatus) -> bool) -> bool {
        let Some(mut status) = self.steps.get_mut(position).map(std::mem::take) else { return false };
        let changed = change(self, &mut status);
        if let Some(slot) = self.steps.get_mut(position) {
            *slot = status;
        }
        changed
    }

    /// Returns whether the next attempt of a pending step may start now.
    fn is_ready(&self, step: &Step, status: &StepStatus) -> bool {
        let done = |need: &String| find(&self.steps, need).is_some_and(|status| status.phase.is_final());
        self.accepts_attempts()
            && status.next_at.as_ref().is_none_or(|due| due.0 <= self.now)
            && step.needs.iter().all(done)
            && self.has_room_for_items(step)
    }

    /// Returns whether the items of a step may be active together with those of the steps that have started. A step for which
    /// there is no room stays pending until one of the others has ended.
    fn has_room_for_items(&self, step: &Step) -> bool {
        let Some(for_each) = &step.for_each else { return true };
        let max_parallel = |status: &StepStatus| {
            let started = self.run.workflow().step(&status.name).filter(|_| status.items.is_some());
            started.and_then(|step| step.for_each.as_ref()).map_or(0, |for_each| for_each.max_parallel)
        };
        let unfinished = self.steps.iter().filter(|status| !status.phase.is_final());
        unfinished.map(max_parallel).sum::<usize>() + for_each.max_parallel <= MAX_ACTIVE_ITEMS
    }

    /// Returns the context of expressions (`input`, `steps` and so on) from the cache, or builds it.
    pub(super) fn context(&mut self) -> Context {
        if self.context.is_none() {
            self.context = Some(self.run.context(&self.steps, self.ending.as_ref()));
        }
        self.context.clone().unwrap_or_default()
    }

    /// Starts the next attempt of a step, or skips the step. Returns whether the status changed.
    fn begin_step(&mut self, step: &'a Step, status: &mut StepStatus) -> bool {
        if let Some(failed) = self.failure_upstream(&step.name) {
            skip_behind(status, failed, self.now);
            return true;
        }
        let context = self.context();
        // `when` was evaluated before the first attempt.
        let when = step.when.as_ref().filter(|_| status.started_at.is_none());
        match when.map(|when| when.evaluate_bool(&context)) {
            Some(Ok(false)) => {
                let source = step.when.as_ref().map(Program::source).unwrap_or_default();
                end(status, StepPhase::Skipped, self.now);
                explain(status, EndReason::WhenFalse, format!("its condition is false: {}", shorten(source)));
            }
            Some(Err(failed)) => {
                self.begin_attempt(status);
                self.apply(step, status, Transition::Failed(expression_error("when", &failed)));
            }
            Some(Ok(true)) | None if step.for_each.is_some() => self.begin_items(step, status, context),
            Some(Ok(true)) | None => {
                self.begin_attempt(status);
                match self.begin(step, status, None, attempt(status), &context) {
                    AttemptStart::Started(start) => self.start.push(*start),
                    AttemptStart::Suspended(waiting, until) => {
                        status.phase = StepPhase::Suspended;
                        status.waiting = Some(waiting);
                        status.next_at = until.map(Into::into);
                    }
                    AttemptStart::Completed(transition) => self.apply(step, status, transition),
                }
            }
        }
        true
    }

    /// Marks the next attempt of a step as running.
    pub(super) fn begin_attempt(&self, status: &mut StepStatus) {
        status.phase = StepPhase::Running;
        status.attempt = Some(attempt(status).saturating_add(1));
        status.next_at = None;
        status.started_at.get_or_insert(self.now.into());
    }

    /// Applies a transition to the status of a step.
    pub(super) fn apply(&self, step: &Step, status: &mut StepStatus, transition: Transition) {
        apply(self.run, step, status, transition, inline_bytes(&self.steps, &step.name), self.now);
    }

    /// Starts an attempt of a step or item. `status` is the status of the step, which has started.
    pub(super) fn begin(
        &self,
        step: &Step,
        status: &StepStatus,
        item: Option<u32>,
        attempt: u32,
        context: &Context,
    ) -> AttemptStart {
        let key = StepKey { step: step.name.clone(), item };
        let attempts = self.attempts(step, status, attempt, 0);
        match self.run.render(step, &key, attempt, context, self.now) {
            Err(error) => AttemptStart::Completed(Transition::Failed(error)),
            Ok(Rendered::Value(value)) => {
                AttemptStart::Completed(match super::attempt::check_output(step, &value) {
                    Ok(()) => Transition::Succeeded(value.into()),
                    Err(error) => Transition::Failed(error),
                })
            }
            Ok(Rendered::Waits { waiting, until }) => AttemptStart::Suspended(
                waiting,
                Some(attempts.step_deadline.map_or(until, |deadline| deadline.min(until))),
            ),
            Ok(Rendered::Task { input, task }) => AttemptStart::Started(Box::new(StartAttempt {
                attempt,
                idempotency_key: self.idempotency_key(&key),
                key,
                deadline: self.attempt_deadline(step, attempts),
                label: None,
                input,
                task,
            })),
        }
    }

    /// Returns the idempotency key of a step or item of this run.
    fn idempotency_key(&self, key: &StepKey) -> String {
        format!("{}/{key}", self.run.data.run_id)
    }

    /// Returns the counters and deadlines of the attempts of a step or item.
    pub(super) fn attempts(
        &self,
        step: &Step,
        status: &StepStatus,
        attempt: u32,
        not_started: u32,
    ) -> Attempts {
        let step_deadline = step_deadline(step, status);
        Attempts { attempt, not_started, step_deadline, run_deadline: self.deadline() }
    }

    /// Returns the earliest of the deadlines of the attempt, the step and the run.
    fn attempt_deadline(&self, step: &Step, attempts: Attempts) -> Timestamp {
        let attempt_deadline = step.attempt_timeout.map(|timeout| after(self.now, timeout));
        [attempt_deadline, attempts.step_deadline]
            .into_iter()
            .flatten()
            .fold(attempts.run_deadline, Timestamp::min)
    }

    /// Starts storing an output that is too large for the status. Returns whether the status changed.
    fn store_output(&mut self, status: &mut StepStatus) -> bool {
        let due = status.next_at.as_ref().is_none_or(|due| due.0 <= self.now);
        let Some(value) = status.output.clone().filter(|_| due && status.output_ref.is_none()) else {
            return false;
        };
        status.output_ref = Some(pending_reference());
        status.next_at = None;
        self.store(StepKey::step(&status.name), attempt(status), value);
        true
    }

    /// Adds the task that stores a value in object storage to the actions.
    pub(super) fn store(&mut self, key: StepKey, attempt: u32, value: serde_json::Value) {
        self.start.push(StartAttempt {
            attempt,
            idempotency_key: self.idempotency_key(&key),
            key,
            deadline: self.deadline(),
            label: None,
            input: serde_json::Value::Null,
            task: Task::StoreOutput(value),
        });
    }

    /// Returns whether attempts or sub-runs of the current group are running.
    pub(super) fn is_busy(&self) -> bool {
        self.statuses().any(|status| {
            !status.phase.is_final()
                && (persisted::is_busy(status)
                    || waits(status).any(|waiting| waiting.reason == crds::run::WaitingFor::Run))
        })
    }

    /// Returns whether a started step of the current group will continue later.
    pub(super) fn has_pending_work(&self) -> bool {
        let continues = |status: &StepStatus| {
            !status.phase.is_final()
                && (status.next_at.is_some()
                    || status.items.is_some()
                    || status.phase == StepPhase::Suspended)
        };
        self.accepts_attempts() && self.statuses().any(continues)
    }

    /// Returns the name of a failed step without `continueOnError` on which a step depends, directly or not.
    pub(super) fn failure_upstream(&self, step: &str) -> Option<&'a str> {
        let run: &'a Run = self.run;
        let failed = |name: &&String| find(&self.steps, name).is_some_and(|status| self.is_fatal(status));
        run.workflow().upstream(step)?.iter().find(failed).map(String::as_str)
    }
}

/// Ends a step as skipped because of a failed step on which it depends.
pub(super) fn skip_behind(status: &mut StepStatus, failed: &str, now: Timestamp) {
    end(status, StepPhase::Skipped, now);
    explain(status, EndReason::UpstreamFailed, format!("the step {failed}, on which it depends, failed"));
}

/// Maximum number of characters of a condition in the reason of a skipped step.
const MAX_CONDITION_CHARS: usize = 200;

fn shorten(condition: &str) -> String {
    let shown: String = condition.chars().take(MAX_CONDITION_CHARS).collect();
    if shown.len() < condition.len() { format!("{shown}…") } else { shown }
}

impl Run {
    /// Returns the time by which the steps must have ended or, once they have, the `onExit` steps.
    pub(super) fn deadline_of(&self, ending: Option<&RunEnding>) -> Timestamp {
        match ending {
            None => self.deadline(),
            Some(ending) => after(ending.since.0, std::time::Duration::from_secs(EXIT_TIMEOUT_SECONDS)),
        }
    }
}
