//! The end of a run.

use crds::run::{RunError, RunPhase, StepError, StepPhase, StepStatus};
use serde_json::Value;

use super::outcome::check_size;
use super::round::{Round, expression_error};
use super::state::end;
use super::{Advance, Finish};

impl Round<'_> {
    /// All steps have ended, or one has failed and those that ran have ended too.
    pub(super) fn finish(self) -> Advance {
        if let Some(failed) = self.first_failure() {
            let (step, error) = (failed.name.clone(), failed.error.clone());
            let error = error.unwrap_or_else(|| {
                super::error(crds::workflow::ErrorKind::Infra, "UNKNOWN", "no error was recorded")
            });
            return self.end_with(RunPhase::Failed, Some(step), error);
        }
        match self.output() {
            Ok(output) => {
                let finish = Finish { phase: RunPhase::Succeeded, output: Some(output), error: None };
                Advance { finish: Some(finish), ..self.into_advance() }
            }
            Err(error) => self.end_with(RunPhase::Failed, None, error),
        }
    }

    /// Ends the run without success: steps that depend on one that did not succeed are Skipped, others Cancelled.
    pub(super) fn end_with(mut self, phase: RunPhase, step: Option<String>, error: StepError) -> Advance {
        let skipped: Vec<String> = self.behind_failures();
        for status in self.steps.iter_mut().filter(|status| !status.phase.is_final()) {
            let phase =
                if skipped.contains(&status.name) { StepPhase::Skipped } else { StepPhase::Cancelled };
            end(status, phase, self.now);
        }
        let StepError { kind, code, message, details: _ } = error;
        let finish = Finish { phase, output: None, error: Some(RunError { step, kind, code, message }) };
        Advance { finish: Some(finish), ..self.into_advance() }
    }

    /// The step that failed first; of several at the same time the first in the workflow.
    fn first_failure(&self) -> Option<&StepStatus> {
        let fatal = self.steps.iter().filter(|status| self.is_fatal(status));
        fatal.min_by_key(|status| status.finished_at.as_ref().map(|time| time.0))
    }

    fn behind_failures(&self) -> Vec<String> {
        let workflow = self.run.workflow();
        let failed =
            |name: &String| self.steps.iter().any(|status| status.name == *name && self.is_fatal(status));
        let behind = |name: &str| workflow.upstream(name).is_some_and(|upstream| upstream.iter().any(failed));
        workflow.steps().iter().filter(|step| behind(&step.name)).map(|step| step.name.clone()).collect()
    }

    fn output(&self) -> Result<Value, StepError> {
        let workflow = self.run.workflow();
        let output = match workflow.output() {
            Some(template) => template
                .render(&self.run.context(&self.steps))
                .map_err(|failed| expression_error("output", &failed))?,
            None => Value::Object(
                workflow
                    .last_steps()
                    .filter_map(|step| self.steps.iter().find(|status| status.name == step.name))
                    .map(|status| (status.name.clone(), status.output.clone().unwrap_or_default()))
                    .collect(),
            ),
        };
        check_size(
            "the run's output",
            &output,
            self.steps.iter().filter_map(|status| status.output.as_ref()),
        )?;
        Ok(output)
    }
}
