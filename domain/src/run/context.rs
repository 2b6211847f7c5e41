//! The data that a run's expressions see.

use crds::run::StepStatus;
use serde_json::{Map, Value, json};

use super::Run;
use crate::expr::Context;

impl Run {
    /// `input`, `run`, `tenant`, `workflow` and `steps`, of those steps that have ended.
    pub(super) fn context(&self, steps: &[StepStatus]) -> Context {
        let facts = &self.facts;
        let ended: Map<String, Value> = steps
            .iter()
            .filter(|step| step.phase.is_final())
            .map(|step| (step.name.clone(), step_value(step)))
            .collect();
        Context::new()
            .with("input", facts.input.clone())
            .with("run", json!({"id": facts.run_id, "name": facts.run_name, "createdAt": facts.created_at}))
            .with("tenant", json!({"name": facts.tenant, "settings": facts.tenant_settings}))
            .with("workflow", json!({"name": facts.workflow}))
            .with("steps", Value::Object(ended))
    }

    /// The same with `error`, for `retry.when`.
    pub(super) fn context_of_error(&self, steps: &[StepStatus], error: &crds::run::StepError) -> Context {
        self.context(steps)
            .with("error", json!({"kind": error.kind, "code": error.code, "message": error.message}))
    }
}

fn step_value(step: &StepStatus) -> Value {
    let error = step.error.as_ref().map(|error| {
        json!({"kind": error.kind, "code": error.code, "message": error.message, "details": error.details})
    });
    // A step that was retried keeps its last error in status; to other steps it has none once it has succeeded.
    let error = error.filter(|_| step.phase == crds::run::StepPhase::Failed);
    json!({"phase": step.phase, "output": step.output, "error": error})
}
