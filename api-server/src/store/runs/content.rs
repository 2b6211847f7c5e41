//! The large parts of a run, read only where they are asked for.

use serde_json::Value;
use uuid::Uuid;

use crate::store::{Error, TenantTx};

/// What a run was given, did and returned; up to 1 MiB together.
#[derive(Clone, Debug, PartialEq)]
pub struct RunContent {
    /// The run.
    pub id: Uuid,
    /// What it was given.
    pub input: Option<Value>,
    /// What it returned, where that is small.
    pub output: Option<Value>,
    /// Where what it returned is, where that is large: `{uri, bytes, sha256, mediaType}`.
    pub output_ref: Option<Value>,
    /// Its steps in order, each as the object has it.
    pub steps: Value,
    /// The decisions that were made: `{key, approved, input, by}` each.
    pub decisions: Value,
    /// Which earlier run it takes outputs from: `{run, from}`.
    pub reuse: Option<Value>,
    /// What it has taken over, once it has: `{uid, steps}`.
    pub reused: Option<Value>,
}

/// The contents of these runs, in no order.
///
/// # Errors
/// The query fails.
pub async fn contents(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<RunContent>, Error> {
    let (connection, tenant) = tx.parts();
    sqlx::query_as!(
        RunContent,
        "select id, input, output, output_ref, steps, decisions, reuse, reused
         from workflow_runs where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the contents of runs"))
}
