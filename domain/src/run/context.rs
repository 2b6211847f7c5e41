//! Data that the expressions of a run can read.

use std::sync::{Arc, Mutex, PoisonError};

use crds::run::{RunEnding, StepPhase, StepStatus};
use serde_json::{Map, Value, json};

use super::{Run, RunData};
use crate::expr::Context;

/// Builds the variables that stay the same throughout the run: `input`, `run`, `tenant` and `workflow`.
pub(super) fn base_context(data: &RunData) -> Context {
    Context::new()
        .with("input", data.input.clone())
        .with("run", json!({"id": data.run_id, "name": data.run_name, "createdAt": data.created_at}))
        .with("tenant", json!({"name": data.tenant, "settings": data.tenant_settings}))
        .with("workflow", json!({"name": data.workflow}))
}

/// Cache of the variable `steps`, with the ended steps from which it was built. It avoids copying outputs,
/// which may be large, as long as no other step has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct ContextCache(Arc<Mutex<Option<CachedSteps>>>);

type CachedSteps = (Vec<StepStatus>, Arc<Value>);

impl Run {
    /// Builds the context of expressions: the base context, `steps` with the steps that have ended, and
    /// `outcome` while the `onExit` steps run.
    pub(super) fn context(&self, steps: &[StepStatus], ending: Option<&RunEnding>) -> Context {
        let context = self.base_context.clone().with("steps", self.ended_steps(steps));
        match ending {
            Some(ending) => context.with("outcome", json!({"phase": ending.phase, "error": ending.error})),
            None => context,
        }
    }

    /// Returns the variable `steps`: from the cache, or built anew if another step has ended.
    fn ended_steps(&self, steps: &[StepStatus]) -> Arc<Value> {
        let ended = || steps.iter().filter(|step| step.phase.is_final());
        let mut cached = self.context_cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((steps, value)) = cached.as_ref()
            && steps.iter().eq(ended())
        {
            return Arc::clone(value);
        }
        let values: Map<String, Value> =
            ended().map(|step| (step.name.clone(), step_value(step, self.output_of(step)))).collect();
        let value = Arc::new(Value::Object(values));
        *cached = Some((ended().cloned().collect(), Arc::clone(&value)));
        value
    }

    /// Returns the context with the variable `secrets`, for the few fields whose expressions may read
    /// secrets.
    pub(super) fn with_secrets(&self, context: &Context) -> Context {
        context.clone().with("secrets", Arc::clone(&self.secrets))
    }
}

/// Builds the value of `steps.<name>`.
fn step_value(step: &StepStatus, output: Value) -> Value {
    let error = step.error.as_ref().map(|error| {
        json!({"kind": error.kind, "code": error.code, "message": error.message, "details": error.details})
    });
    // The status of a retried step retains its last error. Expressions see an error only if the step has
    // failed.
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
