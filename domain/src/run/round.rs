//! One advance in the making: goes through the steps until nothing changes any more.

use crds::constants::EXIT_TIMEOUT_SECONDS;
use crds::run::{Cancel, RunEnding, StepPhase, StepStatus, Waiting};
use jiff::Timestamp;

use super::apply::{apply, inline_bytes};
use super::attempt::{After, Tries, step_deadline};
use super::render::{Rendered, expression_error};
use super::state::{after, attempt, being_stored, end, find, waits};
use super::{Advance, Place, Run, Signals, Start, State, Stop, Work, stored};
use crate::expr::Context;
use crate::workflow::Step;

/// Which steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `spec.steps`.
    Main,
    /// `spec.onExit`.
    Exit,
}

pub(super) struct Round<'a> {
    pub(super) run: &'a Run,
    pub(super) signals: &'a Signals<'a>,
    pub(super) now: Timestamp,
    /// The steps that it is about now.
    pub(super) part: Part,
    /// One for each step of the workflow, in its order, `onExit` steps last.
    pub(super) steps: Vec<StepStatus>,
    pub(super) ending: Option<RunEnding>,
    pub(super) start: Vec<Start>,
    pub(super) stop: Vec<Stop>,
    pub(super) cancel_children: Vec<(String, Cancel)>,
    /// Of the steps as they are; none = to be made.
    pub(super) context: Option<Context>,
}

/// What has become of a place that was begun.
pub(super) enum Begun {
    Started(Box<Start>),
    /// It waits, until then at most.
    Waits(Waiting, Option<Timestamp>),
    /// It needs no runner, or failed before it needed one.
    Ended(After),
}

impl<'a> Round<'a> {
    pub(super) fn new(run: &'a Run, state: &State, signals: &'a Signals<'a>, now: Timestamp) -> Self {
        let workflow = run.workflow();
        let steps = workflow.steps().iter().chain(workflow.on_exit()).map(|step| {
            find(&state.steps, &step.name)
                .cloned()
                .unwrap_or_else(|| StepStatus { name: step.name.clone(), ..StepStatus::default() })
        });
        Self {
            run,
            signals,
            now,
            part: if state.ending.is_some() { Part::Exit } else { Part::Main },
            steps: steps.collect(),
            ending: state.ending.clone(),
            start: Vec::new(),
            stop: Vec::new(),
            cancel_children: Vec::new(),
            context: None,
        }
    }

    pub(super) fn into_advance(self) -> Advance {
        let Self { run, mut steps, ending, start, stop, cancel_children, .. } = self;
        steps.iter_mut().for_each(|step| run.keep(step));
        Advance { state: State { steps, ending }, start, stop, cancel_children, ..Advance::default() }
    }

    /// When the steps that it is about must have ended.
    pub(super) fn deadline(&self) -> Timestamp {
        self.run.deadline_of(self.ending.as_ref())
    }

    /// The steps that it is about.
    pub(super) fn part(&self) -> &'a [Step] {
        let run: &'a Run = self.run;
        match self.part {
            Part::Main => run.workflow().steps(),
            Part::Exit => run.workflow().on_exit(),
        }
    }

    /// The states of the steps that it is about.
    pub(super) fn statuses(&self) -> impl Iterator<Item = &StepStatus> {
        self.part().iter().filter_map(|step| find(&self.steps, &step.name))
    }

    /// Whether a step has failed that its part cannot do without.
    pub(super) fn is_failing(&self) -> bool {
        self.statuses().any(|status| self.is_fatal(status))
    }

    pub(super) fn is_fatal(&self, status: &StepStatus) -> bool {
        status.phase == StepPhase::Failed
            && !self.run.workflow().step(&status.name).is_some_and(|step| step.continue_on_error)
    }

    /// Whether something may begin. `onExit` steps run whatever has happened, also to each other.
    pub(super) fn accepts(&self) -> bool {
        match self.part {
            Part::Main => self.signals.cancel.is_none() && !self.is_failing(),
            Part::Exit => true,
        }
    }

    /// Begins what can begin, and ends what has waited for long enough. Every change goes forward, so this ends.
    pub(super) fn go(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for (at, step) in self.positions() {
                if self.visit(at, step) {
                    changed = true;
                    self.context = None;
                }
            }
        }
    }

    fn positions(&self) -> impl Iterator<Item = (usize, &'a Step)> + use<'a> {
        let first = if self.part == Part::Main { 0 } else { self.run.workflow().steps().len() };
        (first..).zip(self.part())
    }

    /// Whether something has changed.
    fn visit(&mut self, at: usize, step: &'a Step) -> bool {
        let Some(status) = self.steps.get(at) else { return false };
        match (status.phase, &status.items) {
            (phase, _) if phase.is_final() => false,
            (_, Some(_)) => self.change(at, |round, status| round.visit_items(step, status)),
            (StepPhase::Pending, None) => {
                self.is_ready(step, status) && self.change(at, |round, status| round.begin_step(step, status))
            }
            (StepPhase::Suspended, None) => self.change(at, |round, status| round.settle_step(step, status)),
            (_, None) => self.change(at, |round, status| round.store_output(status)),
        }
    }

    /// Takes a status out to change it, since what it becomes depends on the others.
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Self, &mut StepStatus) -> bool) -> bool {
        let Some(mut status) = self.steps.get_mut(at).map(std::mem::take) else { return false };
        let changed = change(self, &mut status);
        if let Some(slot) = self.steps.get_mut(at) {
            *slot = status;
        }
        changed
    }

    fn is_ready(&self, step: &Step, status: &StepStatus) -> bool {
        let done = |need: &String| find(&self.steps, need).is_some_and(|status| status.phase.is_final());
        self.accepts()
            && status.next_at.as_ref().is_none_or(|due| due.0 <= self.now)
            && step.needs.iter().all(done)
    }

    /// `input`, `steps` and all else that expressions see.
    pub(super) fn context(&mut self) -> Context {
        if self.context.is_none() {
            self.context = Some(self.run.context(&self.steps, self.ending.as_ref()));
        }
        self.context.clone().unwrap_or_default()
    }

    fn begin_step(&mut self, step: &'a Step, status: &mut StepStatus) -> bool {
        if self.is_behind_failure(&step.name) {
            end(status, StepPhase::Skipped, self.now);
            return true;
        }
        let context = self.context();
        // What has begun was wanted.
        let when = step.when.as_ref().filter(|_| status.started_at.is_none());
        match when.map(|when| when.evaluate_bool(&context)) {
            Some(Ok(false)) => end(status, StepPhase::Skipped, self.now),
            Some(Err(failed)) => {
                self.begin_attempt(status);
                self.apply(step, status, After::Failed(expression_error("when", &failed)));
            }
            Some(Ok(true)) | None if step.for_each.is_some() => self.begin_items(step, status, context),
            Some(Ok(true)) | None => {
                self.begin_attempt(status);
                match self.begin(step, status, None, attempt(status), &context) {
                    Begun::Started(start) => self.start.push(*start),
                    Begun::Waits(waiting, until) => {
                        status.phase = StepPhase::Suspended;
                        status.waiting = Some(waiting);
                        status.next_at = until.map(Into::into);
                    }
                    Begun::Ended(after) => self.apply(step, status, after),
                }
            }
        }
        true
    }

    pub(super) fn begin_attempt(&self, status: &mut StepStatus) {
        status.phase = StepPhase::Running;
        status.attempt = Some(attempt(status).saturating_add(1));
        status.next_at = None;
        status.started_at.get_or_insert(self.now.into());
    }

    pub(super) fn apply(&self, step: &Step, status: &mut StepStatus, after: After) {
        apply(self.run, step, status, after, inline_bytes(&self.steps, &step.name), self.now);
    }

    /// Begins an attempt at a place. `status` is that of its step, which has begun.
    pub(super) fn begin(
        &self,
        step: &Step,
        status: &StepStatus,
        item: Option<u32>,
        attempt: u32,
        context: &Context,
    ) -> Begun {
        let place = Place { step: step.name.clone(), item };
        let tries = self.tries(step, status, attempt, 0);
        match self.run.render(step, &place, attempt, context, self.now) {
            Err(error) => Begun::Ended(After::Failed(error)),
            Ok(Rendered::Value(value)) => Begun::Ended(match super::attempt::check_output(step, &value) {
                Ok(()) => After::Succeeded(value.into()),
                Err(error) => After::Failed(error),
            }),
            Ok(Rendered::Waits { waiting, until }) => {
                Begun::Waits(waiting, Some(tries.step_deadline.map_or(until, |deadline| deadline.min(until))))
            }
            Ok(Rendered::Work { input, work }) => Begun::Started(Box::new(Start {
                attempt,
                idempotency_key: self.key(&place),
                place,
                deadline: self.attempt_deadline(step, tries),
                input,
                work,
            })),
        }
    }

    fn key(&self, place: &Place) -> String {
        format!("{}/{place}", self.run.facts.run_id)
    }

    pub(super) fn tries(&self, step: &Step, status: &StepStatus, attempt: u32, not_started: u32) -> Tries {
        let step_deadline = step_deadline(step, status);
        Tries { attempt, not_started, step_deadline, run_deadline: self.deadline() }
    }

    /// The earliest of the attempt's, the step's and the run's deadline.
    fn attempt_deadline(&self, step: &Step, tries: Tries) -> Timestamp {
        let of_attempt = step.attempt_timeout.map(|timeout| after(self.now, timeout));
        [of_attempt, tries.step_deadline].into_iter().flatten().fold(tries.run_deadline, Timestamp::min)
    }

    /// Lets the runner store an output that is too large for the status.
    fn store_output(&mut self, status: &mut StepStatus) -> bool {
        let due = status.next_at.as_ref().is_none_or(|due| due.0 <= self.now);
        let Some(value) = status.output.clone().filter(|_| due && status.output_ref.is_none()) else {
            return false;
        };
        status.output_ref = Some(being_stored());
        status.next_at = None;
        self.store(Place::step(&status.name), attempt(status), value);
        true
    }

    pub(super) fn store(&mut self, place: Place, attempt: u32, value: serde_json::Value) {
        self.start.push(Start {
            attempt,
            idempotency_key: self.key(&place),
            place,
            deadline: self.deadline(),
            input: serde_json::Value::Null,
            work: Work::Store(value),
        });
    }

    /// Whether attempts are under way, or sub-runs.
    pub(super) fn is_busy(&self) -> bool {
        self.statuses().any(|status| {
            !status.phase.is_final()
                && (stored::is_busy(status)
                    || waits(status).any(|waiting| waiting.reason == crds::run::WaitingFor::Run))
        })
    }

    /// Whether something that has begun goes on later.
    pub(super) fn has_more(&self) -> bool {
        let goes_on = |status: &StepStatus| {
            !status.phase.is_final()
                && (status.next_at.is_some()
                    || status.items.is_some()
                    || status.phase == StepPhase::Suspended)
        };
        self.accepts() && self.statuses().any(goes_on)
    }

    /// Whether a step depends on one that failed.
    pub(super) fn is_behind_failure(&self, step: &str) -> bool {
        let failed = |name: &String| find(&self.steps, name).is_some_and(|status| self.is_fatal(status));
        self.run.workflow().upstream(step).is_some_and(|upstream| upstream.iter().any(failed))
    }
}

impl Run {
    /// When the steps must have ended, or once they have, the `onExit` steps.
    pub(super) fn deadline_of(&self, ending: Option<&RunEnding>) -> Timestamp {
        match ending {
            None => self.deadline(),
            Some(ending) => after(ending.since.0, std::time::Duration::from_secs(EXIT_TIMEOUT_SECONDS)),
        }
    }
}
