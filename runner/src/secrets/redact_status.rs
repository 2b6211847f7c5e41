//! Replaces secrets in the status of a run. Phases, codes, times and names are not changed, so that a secret with the
//! value of a phase does not make the status invalid.

use crds::run::{ItemFailure, RunEnding, RunError, StepError, StepStatus, Waiting};

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
        step.message.iter_mut().for_each(|message| self.redact_string(message));
        step.waiting.iter_mut().for_each(|waiting| self.redact_waiting(waiting));
        let Some(items) = &mut step.items else { return };
        items.outputs.values_mut().for_each(|output| self.redact_value(output));
        items.failures.iter_mut().for_each(|failure| self.redact_item_failure(failure));
        for item in &mut items.active {
            item.label.iter_mut().for_each(|label| self.redact_string(label));
            item.waiting.iter_mut().for_each(|waiting| self.redact_waiting(waiting));
        }
    }

    fn redact_waiting(&self, waiting: &mut Waiting) {
        waiting.message.iter_mut().for_each(|message| self.redact_string(message));
        waiting.refused.iter_mut().for_each(|refused| self.redact_string(&mut refused.message));
    }

    fn redact_item_failure(&self, failure: &mut ItemFailure) {
        self.redact_string(&mut failure.message);
        failure.label.iter_mut().for_each(|label| self.redact_string(label));
        failure.details.iter_mut().for_each(|details| self.redact_value(details));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every text of a step's status that may contain data of the run is redacted.
    #[test]
    fn every_text_of_a_step_is_redacted() {
        let secret = "x s3cret-t0ken";
        let waiting =
            json!({"for": "Approval", "message": secret, "refused": {"message": secret, "generation": 2}});
        let failure = json!({"index": 1, "kind": "User", "code": "NO", "message": secret, "label": secret, "details": [secret]});
        let step = json!({
            "name": "pay", "phase": "Suspended", "message": secret, "output": secret, "waiting": waiting,
            "error": {"kind": "User", "code": "NO", "message": secret, "details": {"body": secret}},
            "items": {"total": 3, "outputs": {"0": secret}, "failures": [failure],
                      "active": [{"index": 2, "attempt": 1, "label": secret, "waiting": waiting}]},
        });
        let mut steps: Vec<StepStatus> = vec![serde_json::from_value(step).unwrap()];
        let secrets = serde_json::from_value(json!({"erp": {"token": "s3cret-t0ken"}})).unwrap();
        Redactor::new(&secrets).unwrap().redact_steps(&mut steps);
        let text = serde_json::to_string(&steps).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
        assert_eq!(text.matches("x ***").count(), 13, "{text}");
    }
}
