//! Rows of the projection, with every column that is derived from the object.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::Timestamp,
    store::{CancelMode, RunStatus, TenantState, WorkflowState},
};

/// Columns that all kinds have.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// UID in the cluster.
    pub uid: Uuid,
    /// Name of the object.
    pub name: String,
    /// Resource version of the object.
    pub resource_version: i64,
    /// Generation: number of changes of the spec, starting at 1.
    pub generation: i64,
    /// Creation time of the object.
    pub created_at: Timestamp,
    /// Time of the last write, according to the managed fields.
    pub updated_at: Timestamp,
}

/// Row of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    /// Columns that all kinds have.
    pub meta: Meta,
    /// Display name.
    pub display_name: String,
    /// Price.
    pub price: Option<Value>,
    /// Features that the plan enables.
    pub features: Vec<String>,
    /// Limits.
    pub limits: Value,
    /// The complete spec.
    pub spec: Value,
    /// The complete status.
    pub status: Value,
}

/// Row of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantRow {
    /// Columns that all kinds have; the name is the slug.
    pub meta: Meta,
    /// Display name.
    pub display_name: String,
    /// State of the tenant.
    pub state: TenantState,
    /// Name of the plan.
    pub plan_name: String,
    /// Namespace of the tenant.
    pub namespace: String,
    /// Free-form settings.
    pub settings: Value,
    /// UID of the deleted tenant of the same name that this one restores.
    pub restore_from: Option<Uuid>,
    /// Generation for which the condition `Mirrored` is true.
    pub mirrored_generation: Option<i64>,
    /// What the object says about its end.
    pub end: TenantEnd,
    /// The complete spec.
    pub spec: Value,
    /// The complete status.
    pub status: Value,
}

/// What the object of a tenant says about its archiving and deletion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantEnd {
    /// Time at which the tenant was archived, if its spec says `Archived`, too.
    pub archived_at: Option<Timestamp>,
    /// Archiving of which the object says that it is exported.
    pub export_of: Option<Timestamp>,
    /// Whether the condition `Purgeable` is true.
    pub purgeable: bool,
    /// Whether the object has anything that the api-server has written about an archiving.
    pub reports_archiving: bool,
    /// Whether the operator waits until the records and stored outputs are deleted.
    pub awaits_data_deletion: bool,
}

/// Row of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRow {
    /// Columns that all kinds have.
    pub meta: Meta,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: String,
    /// State of the workflow.
    pub state: WorkflowState,
    /// Name of the newest revision.
    pub revision: Option<String>,
    /// Whether the operator validated the current generation successfully.
    pub valid: Option<bool>,
    /// Problems that the validation found.
    pub problems: Value,
    /// Labels of the object, which policies can name.
    pub labels: Value,
    /// The complete spec.
    pub spec: Value,
    /// The complete status.
    pub status: Value,
}

/// Row of a workflow run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Columns that all kinds have.
    pub meta: Meta,
    /// Name of the workflow.
    pub workflow_name: String,
    /// Name of the pinned revision.
    pub revision: Option<String>,
    /// Status of the run.
    pub status: RunStatus,
    /// Whether the object has the condition `Archived`.
    pub archived: bool,
    /// Requested cancellation.
    pub cancel: Option<CancelMode>,
    /// Kind of the trigger, in `SCREAMING_SNAKE_CASE`.
    pub trigger_kind: String,
    /// User who requested the run.
    pub requested_by: Option<String>,
    /// The complete trigger.
    pub trigger: Value,
    /// Input.
    pub input: Option<Value>,
    /// Input with which the run is executed, if it differs from `input`.
    pub effective_input: Option<Value>,
    /// Output, if it is small enough to be stored inline.
    pub output: Option<Value>,
    /// Reference to the output in object storage, if it is large.
    pub output_ref: Option<Value>,
    /// Failure of the run: the failed step and its error.
    pub error: Option<Value>,
    /// Reason why the run is queued.
    pub queue: Option<Value>,
    /// Steps, in order.
    pub steps: Value,
    /// Decisions on approval steps.
    pub decisions: Value,
    /// Earlier run whose outputs are reused, and the steps from which it is repeated.
    pub reuse: Option<Value>,
    /// Reused steps, once they are copied.
    pub reused: Option<Value>,
    /// Result of the steps, while the `onExit` steps run.
    pub ending: Option<Value>,
    /// Time at which a suspended run continues by itself.
    pub wake_at: Option<Timestamp>,
    /// Time since which the run waits for a decision or a timer.
    pub suspended_at: Option<Timestamp>,
    /// Seconds that the run has waited for decisions and timers before.
    pub waited_seconds: i64,
    /// URIs of all outputs that are in object storage.
    pub output_uris: Vec<String>,
    /// Priority; runs with a higher one start first.
    pub priority: i32,
    /// Time at which the first step began.
    pub started_at: Option<Timestamp>,
    /// Time at which the run ended.
    pub finished_at: Option<Timestamp>,
}

/// Row of an object of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A plan.
    Plan(PlanRow),
    /// A tenant.
    Tenant(TenantRow),
    /// A workflow.
    Workflow(WorkflowRow),
    /// A workflow run.
    Run(Box<RunRow>),
}
