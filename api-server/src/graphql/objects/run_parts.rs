//! Parts of the type `WorkflowRun`.

use async_graphql::{Json, SimpleObject};
use crds::run;
use serde_json::Value;

use super::failure::Failure;
use crate::{
    app::{enum_names::upper_snake, runs},
    graphql::scalars::DateTime,
    store::RunContent,
};

/// Cause of a run.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Trigger {
    /// Kind of the trigger: `MANUAL`, `API`, `SCHEDULE`, `WEBHOOK`, `WORKFLOW` or `RERUN`; more may be added.
    kind: String,
    /// User or object that triggered the run.
    by: Option<String>,
    /// Parent run. Null unless a step of another run started this run.
    parent: Option<ParentRun>,
}

/// Run whose step started another run.
#[derive(SimpleObject)]
pub(in crate::graphql) struct ParentRun {
    /// Name of the parent run.
    name: String,
    /// Name of the step, or `step/index` for an item of a `forEach` step; the index starts at 0.
    step: String,
}

/// Why a run waits, and its position in the queue.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunQueue")]
pub(in crate::graphql) struct Queue {
    /// Position among the queued runs of the tenant, starting at 1. Null if the run does not wait for a slot.
    position: Option<u32>,
    /// Machine-readable reason why the run waits, such as `PLAN_CONCURRENCY`: see the table of values in
    /// `docs/reference/words.md`; more may be added.
    reason: String,
    /// Human-readable reason why the run waits.
    message: String,
}

/// Result of the steps of a run whose `onExit` steps are being executed.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunEnding")]
pub(in crate::graphql) struct Ending {
    /// Status that the run will have, as in `WorkflowRunStatus`; more may be added.
    status: String,
    /// Error that the run will have. Null if the steps succeeded.
    error: Option<Failure>,
    /// Time at which the `onExit` steps started.
    since: Option<DateTime>,
}

/// Decision on an approval step.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunDecision")]
pub(in crate::graphql) struct Decision {
    /// Name of the step, or `step/index` for an item of a `forEach` step; the index starts at 0.
    key: String,
    /// True if approved, false if rejected.
    approved: bool,
    /// Input of the approver.
    input: Option<Json<Value>>,
    /// Email address of the approver.
    by: Option<String>,
}

/// Earlier run whose outputs a run reuses.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunReuse")]
pub(in crate::graphql) struct Reuse {
    /// Name of the earlier run.
    run: String,
    /// Steps that are executed again: `Failed`, or a list of step names.
    from: Json<Value>,
    /// Number of steps whose outputs were reused. Null until they are.
    steps: Option<u32>,
}

impl Trigger {
    /// Parses the trigger in a row.
    pub(super) fn from_json(trigger: &Value) -> Self {
        let text = |name: &str| trigger.get(name).and_then(Value::as_str);
        let (kind, by) = (upper_snake(text("kind").unwrap_or("Manual")), text("by").map(str::to_owned));
        Self { kind, by, parent: trigger.get("parent").and_then(ParentRun::from_json) }
    }
}

impl ParentRun {
    fn from_json(parent: &Value) -> Option<Self> {
        let text = |name: &str| parent.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self { name: text("name")?, step: text("step")? })
    }
}

impl From<runs::Queue> for Queue {
    fn from(runs::Queue { position, reason, message }: runs::Queue) -> Self {
        Self { position, reason, message }
    }
}

impl From<runs::Ending> for Ending {
    fn from(runs::Ending { phase, error, since }: runs::Ending) -> Self {
        Self { status: upper_snake(&phase), error: error.map(Failure::from), since: since.map(DateTime) }
    }
}

impl Decision {
    /// Parses the decisions in a run's content.
    pub(super) fn parse(content: &RunContent) -> Vec<Self> {
        let decisions = serde_json::from_value::<Vec<run::Decision>>(content.decisions.clone());
        decisions.unwrap_or_default().into_iter().map(Self::from).collect()
    }
}

impl From<run::Decision> for Decision {
    fn from(run::Decision { key, approved, input, by }: run::Decision) -> Self {
        Self { key, approved, input: input.map(Json), by }
    }
}

impl Reuse {
    /// Parses the reuse in a run's content.
    pub(super) fn parse(content: &RunContent) -> Option<Self> {
        let reuse = content.reuse.as_ref()?;
        let steps = content.reused.as_ref().and_then(|reused| reused.get("steps")?.as_u64()?.try_into().ok());
        Some(Self {
            run: reuse.get("run")?.as_str()?.to_owned(),
            from: Json(reuse.get("from")?.clone()),
            steps,
        })
    }
}
