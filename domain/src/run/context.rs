//! The data that a run's expressions see.

use std::sync::{Arc, Mutex, PoisonError};

use crds::run::{RunEnding, StepPhase, StepStatus};
use serde_json::{Map, Value, json};

use super::{Run, RunData};
use crate::expr::Context;

/// `input`, `run`, `tenant` and `workflow`: the same throughout the run.
pub(super) fn base(facts: &RunData) -> Context {
    Context::new()
        .with("input", facts.input.clone())
        .with("run", json!({"id": facts.run_id, "name": facts.run_name, "createdAt": facts.created_at}))
        .with("tenant", json!({"name": facts.tenant, "settings": facts.tenant_settings}))
        .with("workflow", json!({"name": facts.workflow}))
}

/// Steps that have ended, and what expressions see of them: a memory of what would be the same again.
#[derive(Clone, Debug, Default)]
pub(super) struct ContextCache(Arc<Mutex<Option<Known>>>);

type Known = (Vec<StepStatus>, Arc<Value>);

impl Run {
    /// The base, with `steps`, of those steps that have ended, and while the run is ending `outcome`.
    pub(super) fn context(&self, steps: &[StepStatus], ending: Option<&RunEnding>) -> Context {
        let context = self.base.clone().with("steps", self.ended(steps));
        match ending {
            Some(ending) => context.with("outcome", json!({"phase": ending.phase, "error": ending.error})),
            None => context,
        }
    }

    /// `steps`: made anew when another step has ended, since outputs may be large.
    fn ended(&self, steps: &[StepStatus]) -> Arc<Value> {
        let ended = || steps.iter().filter(|step| step.phase.is_final());
        let mut known = self.ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, value)) = known.as_ref()
            && of.iter().eq(ended())
        {
            return Arc::clone(value);
        }
        let values: Map<String, Value> =
            ended().map(|step| (step.name.clone(), step_value(step, self.output_of(step)))).collect();
        let value = Arc::new(Value::Object(values));
        *known = Some((ended().cloned().collect(), Arc::clone(&value)));
        value
    }

    /// The context with `secrets`, for the few places that may read them.
    pub(super) fn with_secrets(&self, context: &Context) -> Context {
        context.clone().with("secrets", Arc::clone(&self.secrets))
    }
}

fn step_value(step: &StepStatus, output: Value) -> Value {
    let error = step.error.as_ref().map(|error| {
        json!({"kind": error.kind, "code": error.code, "message": error.message, "details": error.details})
    });
    // A step that was retried keeps its last error in status; to other steps it has none once it has succeeded.
    let error = error.filter(|_| step.phase == StepPhase::Failed);
    let mut fields = Map::new();
    fields.insert("phase".to_owned(), json!(step.phase));
    fields.insert("output".to_owned(), output);
    fields.insert("error".to_owned(), json!(error));
    if let Some(items) = &step.items {
        let items = json!({"total": items.total, "succeeded": items.succeeded, "failed": items.failed,
                           "failures": items.failures});
        fields.insert("items".to_owned(), items);
    }
    Value::Object(fields)
}
