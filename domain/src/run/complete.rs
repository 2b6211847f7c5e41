//! Completion of steps and items that wait for a decision, a time or a sub-run.

use crds::run::{Cancel, Decision, RunError, RunPhase, StepError, StepStatus, Waiting, WaitingFor};
use crds::workflow::{ErrorKind, OnTimeout};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::attempt::{Ambient, Attempts, Transition, check_output, retry_or_fail, step_timeout, timeout};
use super::scheduler::Scheduler;
use super::state::{attempt, step_error};
use super::{Output, StepKey, SubRunOutcome};
use crate::schema;
use crate::workflow::{Action, Approval, Step};

impl Scheduler<'_> {
    /// Completes the wait of a step if it is over. Returns whether the status changed.
    pub(super) fn complete_waiting_step(&mut self, step: &Step, status: &mut StepStatus) -> bool {
        let Some(waiting) = status.waiting.clone() else { return false };
        let attempts = self.attempts(step, status, attempt(status), status.not_started.unwrap_or(0));
        let due = status.next_at.as_ref().map(|time| time.0);
        match self.complete_wait(step, &StepKey::step(&step.name), &waiting, due, attempts) {
            Some(transition) => {
                self.apply(step, status, transition);
                true
            }
            None => false,
        }
    }

    /// Returns the transition of a step or item that waits, at most until `due`, or `None` while it continues
    /// to wait.
    pub(super) fn complete_wait(
        &mut self,
        step: &Step,
        key: &StepKey,
        waiting: &Waiting,
        due: Option<Timestamp>,
        attempts: Attempts,
    ) -> Option<Transition> {
        let is_due = due.is_some_and(|due| due <= self.now);
        let is_step_over = is_due && attempts.step_deadline.is_some() && attempts.step_deadline == due;
        let output = match waiting.reason {
            WaitingFor::Run => return self.complete_sub_run(step, waiting, is_due, attempts),
            WaitingFor::Approval => {
                let key = key.to_string();
                let decision = self.events.decisions.iter().find(|decision| decision.key == key);
                let Action::Approval(approval) = &step.action else { return None };
                match decision {
                    Some(decision) => output_of_decision(approval, decision),
                    None if is_step_over => Err(step_timeout(step)),
                    None if is_due => output_at_timeout(approval),
                    None => return None,
                }
            }
            WaitingFor::Time if is_step_over => Err(step_timeout(step)),
            WaitingFor::Time if is_due => Ok(Value::Null),
            WaitingFor::Time => return None,
        };
        let checked = output.and_then(|value| check_output(step, &value).map(|()| value));
        Some(checked.map_or_else(Transition::Failed, |value| Transition::Succeeded(value.into())))
    }

    /// Returns the transition of a step or item that waits for a sub-run, or `None` while the sub-run
    /// continues.
    fn complete_sub_run(
        &mut self,
        step: &Step,
        waiting: &Waiting,
        is_due: bool,
        attempts: Attempts,
    ) -> Option<Transition> {
        let name = waiting.run.as_deref().unwrap_or_default();
        let failed = match self.events.sub_runs.get(name) {
            Some(SubRunOutcome::Succeeded { output, stored }) => {
                let output = Output { value: output.clone(), stored: stored.clone() };
                return Some(match check_output(step, &output.value) {
                    Ok(()) => Transition::Succeeded(output),
                    Err(error) => Transition::Failed(error),
                });
            }
            Some(SubRunOutcome::Unsuccessful { phase, error }) => sub_run_error(name, *phase, error.as_ref()),
            Some(SubRunOutcome::NotFound) => step_error(
                ErrorKind::Infra,
                "SUB_RUN_GONE",
                format!("the sub-run {name} does not exist any more"),
            ),
            None if is_due => {
                self.cancel_sub_runs.push((name.to_owned(), Cancel::Now));
                timeout(step, attempts, self.now)
            }
            None => return None,
        };
        // No random number is available here; steps whose sub-runs failed at the same time wait equally long.
        let ambient = Ambient { now: self.now, random: 0.5 };
        let context = || self.context();
        Some(retry_or_fail(step, attempts, failed.into(), ambient, context))
    }
}

/// Returns the output of an approval that was decided, or the error if it was rejected or the input is
/// invalid.
fn output_of_decision(approval: &Approval, decision: &Decision) -> Result<Value, StepError> {
    let by = decision.by.as_deref().unwrap_or("an unknown user");
    if !decision.approved {
        return Err(step_error(ErrorKind::User, "REJECTED", format!("{by} rejected the approval")));
    }
    if let Some(schema) = &approval.schema {
        let input = decision.input.clone().unwrap_or_else(|| json!({}));
        schema.check(&input).map_err(|violations| {
            let message = format!(
                "the decision of {by} violates the approval's schema: {}",
                schema::describe_violations(&violations)
            );
            step_error(ErrorKind::Schema, "DECISION_INVALID", message)
        })?;
    }
    Ok(json!({"approved": true, "by": decision.by, "input": decision.input}))
}

/// Returns the output or the error of an approval without a decision, according to its `onTimeout`.
fn output_at_timeout(approval: &Approval) -> Result<Value, StepError> {
    let seconds = approval.timeout.as_secs();
    match approval.on_timeout {
        OnTimeout::Approve => Ok(json!({"approved": true, "by": null, "input": null})),
        OnTimeout::Reject => Err(step_error(
            ErrorKind::User,
            "REJECTED",
            format!("rejected automatically: no decision was made within {seconds} s"),
        )),
        OnTimeout::Fail => Err(step_error(
            ErrorKind::Timeout,
            "APPROVAL_TIMEOUT",
            format!("no decision was made within {seconds} s"),
        )),
    }
}

/// Builds the error of a step whose sub-run did not succeed. The details hold the sub-run's phase and error.
fn sub_run_error(name: &str, phase: RunPhase, cause: Option<&RunError>) -> StepError {
    let (kind, code) = match phase {
        RunPhase::Cancelled => (ErrorKind::User, "SUB_RUN_CANCELLED"),
        RunPhase::TimedOut => (ErrorKind::Timeout, "SUB_RUN_TIMED_OUT"),
        _ => (cause.map_or(ErrorKind::Infra, |error| error.kind), "SUB_RUN_FAILED"),
    };
    let suffix = cause.map(|error| match &error.step {
        Some(step) => format!(": step {step}: {}: {}", error.code, error.message),
        None => format!(": {}: {}", error.code, error.message),
    });
    let message = format!("the sub-run {name} ended in phase {phase}{}", suffix.unwrap_or_default());
    let details = json!({"run": name, "phase": phase, "error": cause});
    StepError { details: Some(details), ..step_error(kind, code, message) }
}
