//! A tenant's workflow runs: live ones as Kubernetes has them, finished ones for good.

mod content;
mod list;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use content::{RunContent, contents};
pub use list::{OfWorkflow, Query, list, of_workflows};

use super::{Error, TenantTx};
use crate::db::Timestamp;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// It waits to be started.
    Queued,
    /// Its steps are executed.
    Running,
    /// It waits for a person, a time or another run.
    Suspended,
    /// All went well.
    Succeeded,
    /// A step failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

impl RunStatus {
    /// Whether it stays so for good.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Suspended => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut => true,
        }
    }
}

/// How a run was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelMode {
    /// Steps that run may end; no other begins.
    Graceful,
    /// Steps that run are killed.
    Now,
}

/// A run's row without its large parts, which are in [`RunContent`].
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Run {
    /// The uid under which it was first seen.
    pub id: Uuid,
    /// The name of its object.
    pub name: String,
    /// The name of its workflow.
    pub workflow_name: String,
    /// The id of its workflow; `None` where that was never seen.
    pub workflow_id: Option<Uuid>,
    /// The name of the workflow's revision that it runs, once it is pinned.
    pub revision: Option<String>,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether its object still exists in Kubernetes.
    pub live: bool,
    /// How it was asked to stop, if it was.
    pub cancel: Option<CancelMode>,
    /// Who or what asked for it, as the object has it: `{kind, by}`.
    pub trigger: Value,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// Which step failed, and how: `{step, kind, code, message}`.
    pub error: Option<Value>,
    /// Why it waits, while it does: `{position, reason, message}`.
    pub queue: Option<Value>,
    /// How its steps ended, while its `onExit` steps run: `{phase, error, since}`.
    pub ending: Option<Value>,
    /// When it goes on by itself, while it is suspended.
    pub wake_at: Option<Timestamp>,
    /// Since when it waits for a person or a time, while it does.
    pub suspended_at: Option<Timestamp>,
    /// Runs of a higher one start first.
    pub priority: i32,
    /// The version of the object that the row shows.
    pub resource_version: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// One run.
///
/// # Errors
/// The query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Run>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// The live run of this name.
///
/// # Errors
/// The query fails.
pub async fn by_name(tx: &mut TenantTx, name: &str) -> Result<Option<Run>, Error> {
    let (connection, tenant) = tx.parts();
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

/// The runs of these ids that exist, in no order.
///
/// # Errors
/// The query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Run>, Error> {
    let (connection, tenant) = tx.parts();
    sqlx::query_as!(
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
    .map_err(Error::query("read runs"))
}
