//! Rows, as the projection makes them: every column that comes out of the object.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::Timestamp,
    store::{CancelMode, RunStatus, TenantState, WorkflowState},
};

/// The columns that all kinds have.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// The uid in the cluster.
    pub uid: Uuid,
    /// The name.
    pub name: String,
    /// The version of the object.
    pub resource_version: i64,
    /// Counts changes of the spec.
    pub generation: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// When anybody last wrote it, by its managed fields.
    pub updated_at: Timestamp,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    /// The columns that all kinds have.
    pub meta: Meta,
    /// Its name for people.
    pub display_name: String,
    /// Its price.
    pub price: Option<Value>,
    /// What it switches on.
    pub features: Vec<String>,
    /// Its limits.
    pub limits: Value,
    /// The whole spec.
    pub spec: Value,
    /// The whole status.
    pub status: Value,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantRow {
    /// The columns that all kinds have; the name is the slug.
    pub meta: Meta,
    /// Its name for people.
    pub display_name: String,
    /// Whether it may work.
    pub state: TenantState,
    /// The name of its plan.
    pub plan_name: String,
    /// Its namespace.
    pub namespace: String,
    /// Free settings.
    pub settings: Value,
    /// The generation that its condition `Mirrored` is true of.
    pub mirrored_generation: Option<i64>,
    /// The whole spec.
    pub spec: Value,
    /// The whole status.
    pub status: Value,
}

/// A workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRow {
    /// The columns that all kinds have.
    pub meta: Meta,
    /// Its name for people.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Whether it may be run.
    pub state: WorkflowState,
    /// The name of its newest revision.
    pub revision: Option<String>,
    /// Whether the operator found it sound.
    pub valid: Option<bool>,
    /// What the operator found wrong.
    pub problems: Value,
    /// The whole spec.
    pub spec: Value,
    /// The whole status.
    pub status: Value,
}

/// A workflow run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The columns that all kinds have.
    pub meta: Meta,
    /// The name of its workflow.
    pub workflow_name: String,
    /// The name of the revision that it runs.
    pub revision: Option<String>,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether the object says that it may be retired.
    pub archived: bool,
    /// How it was asked to stop.
    pub cancel: Option<CancelMode>,
    /// What kind of trigger started it, in `UPPER_SNAKE`.
    pub trigger_kind: String,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// The whole trigger.
    pub trigger: Value,
    /// What it was given.
    pub input: Option<Value>,
    /// What it returned, where that is small.
    pub output: Option<Value>,
    /// Where what it returned is, where that is large.
    pub output_ref: Option<Value>,
    /// Which step failed, and how.
    pub error: Option<Value>,
    /// Why it waits.
    pub queue: Option<Value>,
    /// Its steps, in order.
    pub steps: Value,
    /// The decisions that were made.
    pub decisions: Value,
    /// Which earlier run it takes outputs from, and from where it repeats it.
    pub reuse: Option<Value>,
    /// What it has taken over, once it has.
    pub reused: Option<Value>,
    /// How its steps ended, while its `onExit` steps run.
    pub ending: Option<Value>,
    /// When it goes on by itself, while it is suspended.
    pub wake_at: Option<Timestamp>,
    /// Since when it waits for a person or a time, while it does.
    pub suspended_at: Option<Timestamp>,
    /// Seconds that it has waited for people and times before.
    pub waited_seconds: i64,
    /// Of all its references to object storage.
    pub output_uris: Vec<String>,
    /// Runs of a higher one start first.
    pub priority: i32,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// An object of any kind as a row.
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
