//! The data that a run's expressions see.

use std::sync::Arc;

use crds::run::{RunEnding, StepPhase, StepStatus};
use serde_json::{Map, Value, json};

use super::{Facts, Run};
use crate::expr::Context;

/// `input`, `run`, `tenant` and `workflow`: the same throughout the run.
pub(super) fn base(facts: &Facts) -> Context {
    Context::new()
        .with("input", facts.input.clone())
        .with("run", json!({"id": facts.run_id, "name": facts.run_name, "createdAt": facts.created_at}))
        .with("tenant", json!({"name": facts.tenant, "settings": facts.tenant_settings}))
        .with("workflow", json!({"name": facts.workflow}))
}

impl Run {
    /// The base, with `steps`, of those steps that have ended, and while the run is ending `outcome`.
    pub(super) fn context(&self, steps: &[StepStatus], ending: Option<&RunEnding>) -> Context {
        let ended: Map<String, Value> = steps
            .iter()
            .filter(|step| step.phase.is_final())
            .map(|step| (step.name.clone(), step_value(step)))
            .collect();
        let context = self.base.clone().with("steps", Value::Object(ended));
        match ending {
            Some(ending) => context.with("outcome", json!({"phase": ending.phase, "error": ending.error})),
            None => context,
        }
    }

    /// The context with `secrets`, for the few places that may read them.
    pub(super) fn with_secrets(&self, context: &Context) -> Context {
        context.clone().with("secrets", Arc::clone(&self.secrets))
    }
}

fn step_value(step: &StepStatus) -> Value {
    let error = step.error.as_ref().map(|error| {
        json!({"kind": error.kind, "code": error.code, "message": error.message, "details": error.details})
    });
    // A step that was retried keeps its last error in status; to other steps it has none once it has succeeded.
    let error = error.filter(|_| step.phase == StepPhase::Failed);
    let mut value = json!({"phase": step.phase, "output": step.output, "error": error});
    if let (Some(items), Some(fields)) = (&step.items, value.as_object_mut()) {
        let items = json!({"total": items.total, "succeeded": items.succeeded, "failed": items.failed,
                           "failures": items.failures});
        fields.insert("items".to_owned(), items);
    }
    value
}
