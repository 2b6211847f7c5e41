//! Replaces secrets in what is written of a run. What names things (phases, codes, times) is left as it is: a secret
//! that happens to be the name of a phase must not make the status unreadable.

use crds::run::{RunEnding, RunError, StepError, StepStatus};

use crate::secrets::Redactor;

impl Redactor {
    pub(crate) fn steps(&self, steps: &mut [StepStatus]) {
        if !self.is_idle() {
            steps.iter_mut().for_each(|step| self.step(step));
        }
    }

    fn step(&self, step: &mut StepStatus) {
        step.output.iter_mut().for_each(|output| self.value(output));
        step.error.iter_mut().for_each(|error| self.step_error(error));
        if let Some(message) = step.waiting.as_mut().and_then(|waiting| waiting.message.as_mut()) {
            self.string(message);
        }
        let Some(items) = &mut step.items else { return };
        items.outputs.values_mut().for_each(|output| self.value(output));
        items.failures.iter_mut().for_each(|failure| self.string(&mut failure.message));
        let messages = items.active.iter_mut().filter_map(|item| item.waiting.as_mut()?.message.as_mut());
        messages.for_each(|message| self.string(message));
    }

    pub(crate) fn step_error(&self, error: &mut StepError) {
        self.string(&mut error.message);
        error.details.iter_mut().for_each(|details| self.value(details));
    }

    pub(crate) fn run_error(&self, error: &mut RunError) {
        self.string(&mut error.message);
    }

    pub(crate) fn ending(&self, ending: &mut RunEnding) {
        ending.error.iter_mut().for_each(|error| self.run_error(error));
    }
}
