//! What has become of a place that waits: for a person, a time, or a sub-run.

use crds::run::{Cancel, Decision, RunError, RunPhase, StepError, StepStatus, Waiting, WaitingFor};
use crds::workflow::{ErrorKind, OnTimeout};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::attempt::{Ambient, Attempts, Transition, again, check_output, step_timeout, timeout};
use super::scheduler::Scheduler;
use super::state::{attempt, step_error};
use super::{Output, StepKey, SubRunOutcome};
use crate::schema;
use crate::workflow::{Action, Approval, Step};

impl Scheduler<'_> {
    /// Whether a step that waits goes on, or has ended.
    pub(super) fn settle_step(&mut self, step: &Step, status: &mut StepStatus) -> bool {
        let Some(waiting) = status.waiting.clone() else { return false };
        let attempts = self.attempts(step, status, attempt(status), status.not_started.unwrap_or(0));
        let due = status.next_at.as_ref().map(|time| time.0);
        match self.settle(step, &StepKey::step(&step.name), &waiting, due, attempts) {
            Some(after) => {
                self.apply(step, status, after);
                true
            }
            None => false,
        }
    }

    /// What has become of a place that waits, at most until `due`; none while it waits on.
    pub(super) fn settle(
        &mut self,
        step: &Step,
        key: &StepKey,
        waiting: &Waiting,
        due: Option<Timestamp>,
        attempts: Attempts,
    ) -> Option<Transition> {
        let is_due = due.is_some_and(|due| due <= self.now);
        let is_step_over = is_due && attempts.step_deadline.is_some() && attempts.step_deadline == due;
        let after = match waiting.reason {
            WaitingFor::Run => return self.settle_run(step, waiting, is_due, attempts),
            WaitingFor::Approval => {
                let key = key.to_string();
                let decision = self.signals.decisions.iter().find(|decision| decision.key == key);
                let Action::Approval(approval) = &step.action else { return None };
                match decision {
                    Some(decision) => decided(approval, decision),
                    None if is_step_over => Err(step_timeout(step)),
                    None if is_due => nobody_decided(approval),
                    None => return None,
                }
            }
            WaitingFor::Time if is_step_over => Err(step_timeout(step)),
            WaitingFor::Time if is_due => Ok(Value::Null),
            WaitingFor::Time => return None,
        };
        let checked = after.and_then(|value| check_output(step, &value).map(|()| value));
        Some(checked.map_or_else(Transition::Failed, |value| Transition::Succeeded(value.into())))
    }

    fn settle_run(
        &mut self,
        step: &Step,
        waiting: &Waiting,
        is_due: bool,
        attempts: Attempts,
    ) -> Option<Transition> {
        let name = waiting.run.as_deref().unwrap_or_default();
        let failed = match self.signals.sub_runs.get(name) {
            Some(SubRunOutcome::Succeeded { output, stored }) => {
                let output = Output { value: output.clone(), stored: stored.clone() };
                return Some(match check_output(step, &output.value) {
                    Ok(()) => Transition::Succeeded(output),
                    Err(error) => Transition::Failed(error),
                });
            }
            Some(SubRunOutcome::Unsuccessful { phase, error }) => child_error(name, *phase, error.as_ref()),
            Some(SubRunOutcome::NotFound) => step_error(
                ErrorKind::Infra,
                "SUB_RUN_GONE",
                format!("the run {name}, which was waited for, does not exist any more"),
            ),
            None if is_due => {
                self.cancel_sub_runs.push((name.to_owned(), Cancel::Now));
                timeout(step, attempts, self.now)
            }
            None => return None,
        };
        // There is no randomness here; sub-runs that failed together wait equally long.
        let ambient = Ambient { now: self.now, random: 0.5 };
        let context = || self.context();
        Some(again(step, attempts, failed.into(), ambient, context))
    }
}

fn decided(approval: &Approval, decision: &Decision) -> Result<Value, StepError> {
    let by = decision.by.as_deref().unwrap_or("somebody");
    if !decision.approved {
        return Err(step_error(ErrorKind::User, "REJECTED", format!("{by} rejected it")));
    }
    if let Some(schema) = &approval.schema {
        let given = decision.input.clone().unwrap_or_else(|| json!({}));
        schema.check(&given).map_err(|violations| {
            let message = format!(
                "the decision of {by} breaks the approval's schema: {}",
                schema::describe_violations(&violations)
            );
            step_error(ErrorKind::Schema, "DECISION_INVALID", message)
        })?;
    }
    Ok(json!({"approved": true, "by": decision.by, "input": decision.input}))
}

fn nobody_decided(approval: &Approval) -> Result<Value, StepError> {
    let seconds = approval.timeout.as_secs();
    match approval.on_timeout {
        OnTimeout::Approve => Ok(json!({"approved": true, "by": null, "input": null})),
        OnTimeout::Reject => Err(step_error(
            ErrorKind::User,
            "REJECTED",
            format!("nobody decided within {seconds} s: taken as rejected"),
        )),
        OnTimeout::Fail => Err(step_error(
            ErrorKind::Timeout,
            "APPROVAL_TIMEOUT",
            format!("nobody decided within {seconds} s"),
        )),
    }
}

/// The fault is the sub-run's; what it ended of is in the details.
fn child_error(name: &str, phase: RunPhase, of: Option<&RunError>) -> StepError {
    let (kind, code) = match phase {
        RunPhase::Cancelled => (ErrorKind::User, "SUB_RUN_CANCELLED"),
        RunPhase::TimedOut => (ErrorKind::Timeout, "SUB_RUN_TIMED_OUT"),
        _ => (of.map_or(ErrorKind::Infra, |error| error.kind), "SUB_RUN_FAILED"),
    };
    let of_what = of.map(|error| match &error.step {
        Some(step) => format!(": step {step}: {}: {}", error.code, error.message),
        None => format!(": {}: {}", error.code, error.message),
    });
    let message = format!("the run {name} is {phase}{}", of_what.unwrap_or_default());
    let details = json!({"run": name, "phase": phase, "error": of});
    StepError { details: Some(details), ..step_error(kind, code, message) }
}
