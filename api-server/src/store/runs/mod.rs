//! Workflow runs of a tenant: live ones as they are in Kubernetes, and the records of finished ones.

mod content;
mod list;
mod read;
mod unfinished;
mod uses;

use domain::permission::Permission;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use content::{RunContent, content_size, contents};
#[cfg(test)]
pub(in crate::store) use list::push_list;
pub use list::{Query, RunColumns, WorkflowRuns, count, count_by_workflows, list, list_by_workflows};
pub use read::{FoundRun, RunReference, read};
pub use unfinished::{Unfinished, unfinished};
pub use uses::{Uses, uses};

use super::{Error, TenantTx, rights::Target};
use crate::db::Timestamp;

const READ: Permission = Permission::WORKFLOW_RUN_READ;

/// Status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// The run waits to be started.
    Queued,
    /// Steps are being executed.
    Running,
    /// The run waits for an approval, a timer, a retry or a sub-run, and holds no runner.
    Suspended,
    /// All steps succeeded.
    Succeeded,
    /// A step failed.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// The run exceeded its deadline.
    TimedOut,
}

impl RunStatus {
    /// Returns the value in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Suspended => "SUSPENDED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// Returns whether the status is final.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Suspended => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut => true,
        }
    }
}

/// Mode of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelMode {
    /// Running steps may finish; no other step starts.
    Graceful,
    /// Running steps are killed.
    Now,
}

impl CancelMode {
    /// Returns the value in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Graceful => "GRACEFUL",
            Self::Now => "NOW",
        }
    }
}

/// Row of a run without its large columns, which are in [`RunContent`].
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Run {
    /// ID: the UID under which the object was first mirrored.
    pub id: Uuid,
    /// Name of the object.
    pub name: String,
    /// Name of the workflow.
    pub workflow_name: String,
    /// ID of the workflow; `None` if the workflow was never mirrored.
    pub workflow_id: Option<Uuid>,
    /// Name of the pinned workflow revision; `None` until it is pinned.
    pub revision: Option<String>,
    /// Status.
    pub status: RunStatus,
    /// Whether the object still exists in Kubernetes.
    pub live: bool,
    /// Requested cancellation, if there is one.
    pub cancel: Option<CancelMode>,
    /// Trigger: `{kind, by}`.
    pub trigger: Value,
    /// User who requested the run.
    pub requested_by: Option<String>,
    /// Failure of the run: `{step, kind, code, message}`.
    pub error: Option<Value>,
    /// Reason why the run is queued: `{position, reason, message}`.
    pub queue: Option<Value>,
    /// Result of the steps while the `onExit` steps run: `{phase, error, since}`.
    pub ending: Option<Value>,
    /// Time at which a suspended run continues by itself.
    pub wake_at: Option<Timestamp>,
    /// Time since which the run waits for a decision or a timer.
    pub suspended_at: Option<Timestamp>,
    /// Priority; runs with a higher one start first.
    pub priority: i32,
    /// Resource version of the object.
    pub resource_version: i64,
    /// Creation time of the object.
    pub created_at: Timestamp,
    /// Time of the last write of the object.
    pub updated_at: Timestamp,
    /// Time at which the first step began.
    pub started_at: Option<Timestamp>,
    /// Time at which the run ended.
    pub finished_at: Option<Timestamp>,
}

/// Returns one run, or `None` if it does not exist or the principal cannot read it.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Run>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the run with this name that exists in Kubernetes.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_name(tx: &mut TenantTx, name: &str) -> Result<Option<Run>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let id = sqlx::query_scalar!(
        "select id from workflow_runs where tenant_id = $1 and name = $2 and live",
        tenant,
        name
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find a run by its name"))?;
    match id {
        Some(id) => get(tx, id).await,
        None => Ok(None),
    }
}

/// Returns the runs with these IDs that exist and that the principal can read, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Run>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let found = sqlx::query_as!(
        Run,
        "select id, name, workflow_name, workflow_id, revision, status, live, cancel, trigger, requested_by, error,
                queue, ending, wake_at, suspended_at, priority, resource_version, created_at, updated_at,
                started_at, finished_at
         from workflow_runs where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read runs"))?;
    tx.retain_permitted(found, |run| run.id, READ, Target::Runs).await
}
