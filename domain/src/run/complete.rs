//! Completion of steps and items that wait for a decision, a time or a sub-run.

use crds::run::{
    Cancel, Decision, RefusedDecision, RunError, RunPhase, StepError, StepStatus, Waiting, WaitingFor,
};
use crds::workflow::{ErrorKind, OnReject, OnTimeout};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::attempt::{Ambient, Attempts, Transition, check_output, retry_or_fail, step_timeout, timeout};
use super::scheduler::Scheduler;
use super::state::{attempt, find, step_error};
use super::{Output, StepKey, SubRunOutcome};
use crate::workflow::{Action, Approval, Step};
use crate::{numbers, schema};

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
                let Action::Approval(approval) = &step.action else { return None };
                match self.decide(approval, key) {
                    Decided::Accepted(result) => result,
                    // The approval ends at its timeout as if there was no decision.
                    _ if is_step_over => Err(step_timeout(step)),
                    _ if is_due => output_at_timeout(approval),
                    Decided::Refused(refused) if waiting.refused.as_ref() != Some(&refused) => {
                        return Some(Transition::DecisionRefused(refused));
                    }
                    Decided::Refused(_) | Decided::No => return None,
                }
            }
            WaitingFor::Time if self.has_ended_early(step) => Ok(json!({"elapsed": false})),
            WaitingFor::Time if is_step_over => Err(step_timeout(step)),
            WaitingFor::Time if is_due => Ok(json!({"elapsed": true})),
            WaitingFor::Time => return None,
        };
        let checked = output.and_then(|value| check_output(step, &value).map(|()| value));
        Some(checked.map_or_else(Transition::Failed, |value| Transition::Succeeded(value.into())))
    }

    /// Returns whether the step has ended whose end ends the wait of this one.
    fn has_ended_early(&self, step: &Step) -> bool {
        let Action::Wait(wait) = &step.action else { return false };
        let other = wait.until_step.as_ref().and_then(|name| find(&self.steps, name));
        other.is_some_and(|status| status.phase.is_final())
    }

    /// Evaluates the decision on the approval of a step or item.
    fn decide(&self, approval: &Approval, key: &StepKey) -> Decided {
        let key = key.to_string();
        let Some(decision) = self.events.decisions.iter().find(|decision| decision.key == key) else {
            return Decided::No;
        };
        match input_of_decision(approval, decision) {
            Ok(input) => Decided::Accepted(output_of_decision(approval, decision, &input)),
            Err(message) => {
                let generation = self.events.generation;
                Decided::Refused(RefusedDecision { message, by: decision.by.clone(), generation })
            }
        }
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

/// State of the decision on an approval.
enum Decided {
    No,
    /// The decision counts; the error is that of a rejection.
    Accepted(Result<Value, StepError>),
    Refused(RefusedDecision),
}

/// Returns the input of a decision, with the defaults of the approval's form, or the reason to refuse the decision. The form
/// applies to approvals only: a rejection may be without an input.
fn input_of_decision(approval: &Approval, decision: &Decision) -> Result<Value, String> {
    if decision.approved {
        return approval.complete_input(decision.input.as_ref()).map_err(|violations| {
            let violations = schema::describe_violations(&violations);
            format!("the input does not match the approval's schema: {violations}")
        });
    }
    let input = decision.input.clone().unwrap_or(Value::Null);
    match numbers::check(&input) {
        Ok(()) => Ok(input),
        Err(violations) => Err(format!("the input is refused: {}", schema::describe_violations(&violations))),
    }
}

/// Returns the output of an approval that was decided, or the error if it was rejected.
fn output_of_decision(approval: &Approval, decision: &Decision, input: &Value) -> Result<Value, StepError> {
    let Decision { key: _, approved, input: _, by } = decision;
    if !approved && approval.on_reject == OnReject::Fail {
        let by = by.as_deref().unwrap_or("an unknown user");
        return Err(step_error(ErrorKind::User, "REJECTED", format!("{by} rejected the approval")));
    }
    Ok(json!({"approved": approved, "by": by, "input": input}))
}

/// Returns the output or the error of an approval without a decision, according to its `onTimeout`.
fn output_at_timeout(approval: &Approval) -> Result<Value, StepError> {
    let seconds = approval.timeout.as_secs();
    let output = |approved: bool| json!({"approved": approved, "by": null, "input": null});
    match (approval.on_timeout, approval.on_reject) {
        (OnTimeout::Approve, _) => Ok(output(true)),
        (OnTimeout::Reject, OnReject::Continue) => Ok(output(false)),
        (OnTimeout::Reject, OnReject::Fail) => Err(step_error(
            ErrorKind::User,
            "REJECTED",
            format!("rejected automatically: no decision was made within {seconds} s"),
        )),
        (OnTimeout::Fail, _) => Err(step_error(
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
