//! End of a run, and the end of its steps before the `onExit` steps run.

use crds::constants::EXIT_TIMEOUT_SECONDS;
use crds::run::{EndReason, RunEnding, RunError, RunPhase, StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use serde_json::Value;

use super::apply::check_size;
use super::render::expression_error;
use super::scheduler::Scheduler;
use super::state::{find, step_error};
use super::{Advance, FinishRun};

/// Result of the steps.
pub(super) struct StepsResult {
    pub(super) phase: RunPhase,
    /// Name of the step that caused the result, if any.
    pub(super) step: Option<String>,
    pub(super) error: Option<StepError>,
}

impl Scheduler<'_> {
    /// Returns the result once all steps have ended, or one has failed and no step is running.
    pub(super) fn end_of_main(&self) -> StepsResult {
        if let Some(failed) = self.first_failure() {
            return StepsResult {
                phase: RunPhase::Failed,
                step: Some(failed.name.clone()),
                error: Some(error_of(failed)),
            };
        }
        match self.output() {
            Ok(_) => StepsResult { phase: RunPhase::Succeeded, step: None, error: None },
            Err(error) => StepsResult { phase: RunPhase::Failed, step: None, error: Some(error) },
        }
    }

    /// Ends the remaining steps and records the result of the steps, after which the `onExit` steps run.
    pub(super) fn end_main(&mut self, result: StepsResult) {
        let StepsResult { phase, step, error } = result;
        let (reason, message) = match (phase, &step) {
            (RunPhase::Cancelled, _) => (EndReason::RunCancelled, "the run was cancelled".to_owned()),
            (RunPhase::TimedOut, _) => (EndReason::RunTimedOut, "the run reached its timeout".to_owned()),
            (_, Some(step)) => (EndReason::RunFailed, format!("the step {step} failed")),
            (_, None) => (EndReason::RunFailed, "the run failed".to_owned()),
        };
        self.end_remaining_steps(reason, &message);
        let error = error.map(|error| run_error(step, error));
        self.context = None;
        self.ending = Some(RunEnding { phase, error, since: self.now.into() });
    }

    /// Finishes the run after its `onExit` steps have ended.
    pub(super) fn finish(mut self) -> Advance {
        let (phase, error) = match self.ending.take() {
            Some(RunEnding { phase, error, since: _ }) => (phase, error),
            None => (RunPhase::Succeeded, None),
        };
        let failed =
            self.first_failure().map(|failed| run_error(Some(failed.name.clone()), error_of(failed)));
        let failed = failed.or_else(|| self.error_of_unstarted_exit_step());
        let finish = match (phase, failed) {
            (RunPhase::Succeeded, Some(error)) => {
                FinishRun { phase: RunPhase::Failed, output: None, error: Some(error) }
            }
            (RunPhase::Succeeded, None) => match self.output() {
                Ok(output) => FinishRun { phase, output: Some(output), error: None },
                Err(error) => {
                    FinishRun { phase: RunPhase::Failed, output: None, error: Some(run_error(None, error)) }
                }
            },
            (phase, _) => FinishRun { phase, output: None, error },
        };
        Advance { finish: Some(finish), ..self.into_advance() }
    }

    /// Returns the error of an `onExit` step that could not start before the timeout. The step that used up
    /// the time may have `continueOnError`, so that its own failure does not count.
    fn error_of_unstarted_exit_step(&self) -> Option<RunError> {
        let step = self.statuses().find(|status| status.phase == StepPhase::Cancelled)?;
        let message = format!(
            "the step did not start: the onExit steps before it took longer than {EXIT_TIMEOUT_SECONDS} s"
        );
        Some(run_error(Some(step.name.clone()), step_error(ErrorKind::Timeout, "EXIT_TIMEOUT", message)))
    }

    /// Returns the output of the run: the rendered `output` of the workflow or, without that, the outputs of
    /// the terminal steps by step name.
    fn output(&self) -> Result<Value, StepError> {
        let workflow = self.run.workflow();
        let output = match workflow.output() {
            Some(template) => template
                .render(&self.run.context(&self.steps, None))
                .map_err(|failed| expression_error("output", &failed))?,
            None => Value::Object(
                workflow
                    .terminal_steps()
                    .filter_map(|step| find(&self.steps, &step.name))
                    .map(|status| (status.name.clone(), self.run.output_of(status)))
                    .collect(),
            ),
        };
        check_size("the run's output", &output)?;
        Ok(output)
    }
}

/// Returns the recorded error of a failed step.
fn error_of(failed: &StepStatus) -> StepError {
    failed.error.clone().unwrap_or_else(|| step_error(ErrorKind::Infra, "UNKNOWN", "no error was recorded"))
}

/// Builds the error of a run from the error of a step.
fn run_error(step: Option<String>, error: StepError) -> RunError {
    let StepError { kind, code, message, details: _ } = error;
    RunError { step, kind, code, message }
}
