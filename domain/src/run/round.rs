//! One advance in the making: starts what can be started, until nothing changes.

use crds::run::{StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::outcome::check_output;
use super::state::{after, attempt, end, error, find};
use super::work::{Rendered, render};
use super::{Advance, Place, Run, Start, State, Stop};
use crate::expr::{Context, EvaluateError};
use crate::workflow::Step;

pub(super) struct Round<'a> {
    pub(super) run: &'a Run,
    pub(super) now: Timestamp,
    /// One for each step of the workflow, in its order.
    pub(super) steps: Vec<StepStatus>,
    pub(super) start: Vec<Start>,
    pub(super) stop: Vec<Stop>,
}

/// What becomes of a step that is ready.
enum Next {
    Skip,
    Start(Box<Start>),
    /// It needs no runner: it has ended at once.
    Succeed(serde_json::Value),
    Fail(StepError),
}

impl<'a> Round<'a> {
    pub(super) fn new(run: &'a Run, steps: &[StepStatus], now: Timestamp) -> Self {
        let steps = run.workflow().steps().iter().map(|step| {
            find(steps, &step.name)
                .cloned()
                .unwrap_or_else(|| StepStatus { name: step.name.clone(), ..StepStatus::default() })
        });
        Self { run, now, steps: steps.collect(), start: Vec::new(), stop: Vec::new() }
    }

    pub(super) fn into_advance(self) -> Advance {
        let state = State { steps: self.steps, ending: None };
        Advance { state, start: self.start, stop: self.stop, ..Advance::default() }
    }

    /// Whether a step has failed that the run cannot do without.
    pub(super) fn is_failing(&self) -> bool {
        self.steps.iter().any(|status| self.is_fatal(status))
    }

    pub(super) fn is_fatal(&self, status: &StepStatus) -> bool {
        status.phase == StepPhase::Failed
            && !self.run.workflow().step(&status.name).is_some_and(|step| step.continue_on_error)
    }

    /// Each step changes at most once to Running or its end, so this ends.
    pub(super) fn start_what_can(&mut self) {
        let run = self.run;
        while !self.is_failing() {
            let ready = run.workflow().steps().iter().find(|step| self.is_ready(step));
            let Some(step) = ready else { return };
            let next = self.next(step);
            self.apply(step, next);
        }
    }

    fn is_ready(&self, step: &Step) -> bool {
        let done = |need: &String| find(&self.steps, need).is_some_and(|status| status.phase.is_final());
        find(&self.steps, &step.name).is_some_and(|status| {
            status.phase == StepPhase::Pending
                && status.next_at.as_ref().is_none_or(|due| due.0 <= self.now)
                && step.needs.iter().all(done)
        })
    }

    fn next(&self, step: &Step) -> Next {
        let context = self.run.context(&self.steps);
        let began = find(&self.steps, &step.name).is_some_and(|status| attempt(status) > 0);
        match (&step.when, began) {
            (Some(when), false) => match when.decide(&context) {
                Ok(true) => self.begin(step, &context),
                Ok(false) => Next::Skip,
                Err(failed) => Next::Fail(expression_error("when", &failed)),
            },
            _ => self.begin(step, &context),
        }
    }

    fn begin(&self, step: &Step, context: &Context) -> Next {
        match render(step, context) {
            Ok(Rendered::Value(value)) => {
                let others = self.steps.iter().filter(|status| status.name != step.name);
                match check_output(step, others, &value) {
                    Ok(()) => Next::Succeed(value),
                    Err(error) => Next::Fail(error),
                }
            }
            Ok(Rendered::Work { input, work }) => Next::Start(Box::new(Start {
                place: Place::step(&step.name),
                attempt: find(&self.steps, &step.name).map_or(0, attempt) + 1,
                idempotency_key: format!("{}/{}", self.run.facts.run_id, step.name),
                deadline: self.deadline(step),
                input,
                work,
            })),
            Err(error) => Next::Fail(error),
        }
    }

    /// The earliest of the attempt's, the step's and the run's deadline.
    fn deadline(&self, step: &Step) -> Timestamp {
        let began = find(&self.steps, &step.name).and_then(|status| status.started_at.as_ref());
        let of_step = step.timeout.map(|timeout| after(began.map_or(self.now, |time| time.0), timeout));
        let of_attempt = step.attempt_timeout.map(|timeout| after(self.now, timeout));
        [of_step, of_attempt].into_iter().flatten().fold(self.run.deadline(), Timestamp::min)
    }

    fn apply(&mut self, step: &Step, next: Next) {
        let now = self.now;
        let Some(status) = self.steps.iter_mut().find(|status| status.name == step.name) else { return };
        match next {
            Next::Skip => end(status, StepPhase::Skipped, now),
            Next::Start(start) => {
                begin_attempt(status, start.attempt, now);
                self.start.push(*start);
            }
            Next::Succeed(output) => {
                begin_attempt(status, attempt(status) + 1, now);
                status.output = Some(output);
                end(status, StepPhase::Succeeded, now);
            }
            Next::Fail(error) => {
                begin_attempt(status, attempt(status) + 1, now);
                status.error = Some(error);
                end(status, StepPhase::Failed, now);
            }
        }
    }
}

fn begin_attempt(status: &mut StepStatus, attempt: u32, now: Timestamp) {
    status.phase = StepPhase::Running;
    status.attempt = Some(attempt);
    status.next_at = None;
    status.started_at.get_or_insert(now.into());
}

/// An expression that failed on this run's data: the workflow's fault, and no retry would help.
pub(super) fn expression_error(field: &str, failed: &EvaluateError) -> StepError {
    error(ErrorKind::User, failed.code(), format!("{field}: {failed}"))
}
