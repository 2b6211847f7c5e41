//! Replaces secrets in the status of a run. Phases, codes, times and names are not changed, so that a secret with the
//! value of a phase does not make the status invalid.

use crds::run::{RunEnding, RunError, StepError, StepStatus};

use crate::secrets::redact::Redactor;

impl Redactor {
    /// Replaces all secrets in the outputs, errors and messages of steps.
    pub(crate) fn redact_steps(&self, steps: &mut [StepStatus]) {
        if !self.is_idle() {
            steps.iter_mut().for_each(|step| self.redact_step(step));
        }
    }

    fn redact_step(&self, step: &mut StepStatus) {
        step.output.iter_mut().for_each(|output| self.redact_value(output));
        step.error.iter_mut().for_each(|error| self.redact_step_error(error));
        if let Some(message) = step.waiting.as_mut().and_then(|waiting| waiting.message.as_mut()) {
            self.redact_string(message);
        }
        let Some(items) = &mut step.items else { return };
        items.outputs.values_mut().for_each(|output| self.redact_value(output));
        items.failures.iter_mut().for_each(|failure| self.redact_string(&mut failure.message));
        let messages = items.active.iter_mut().filter_map(|item| item.waiting.as_mut()?.message.as_mut());
        messages.for_each(|message| self.redact_string(message));
    }

    /// Replaces all secrets in the error of a step.
    pub(crate) fn redact_step_error(&self, error: &mut StepError) {
        self.redact_string(&mut error.message);
        error.details.iter_mut().for_each(|details| self.redact_value(details));
    }

    /// Replaces all secrets in the error of a run.
    pub(crate) fn redact_run_error(&self, error: &mut RunError) {
        self.redact_string(&mut error.message);
    }

    /// Replaces all secrets in the result of a run whose `onExit` steps still run.
    pub(crate) fn redact_ending(&self, ending: &mut RunEnding) {
        ending.error.iter_mut().for_each(|error| self.redact_run_error(error));
    }
}
