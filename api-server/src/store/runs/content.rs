//! Large columns of a run, which are read only on request.

use serde_json::Value;
use uuid::Uuid;

use crate::store::{ContentSize, Error, TenantTx};

/// Input, steps and output of a run, at most 1 MiB together.
#[derive(Clone, Debug, PartialEq)]
pub struct RunContent {
    /// ID of the run.
    pub id: Uuid,
    /// Input; an empty object if the run was given none.
    pub input: Value,
    /// Input with which the run is executed, if it differs from `input`.
    pub effective_input: Option<Value>,
    /// Output, if it is small enough to be stored inline.
    pub output: Option<Value>,
    /// Reference to the output in object storage, if it is large: `{uri, bytes, sha256, mediaType}`.
    pub output_ref: Option<Value>,
    /// Steps in order, each as in the status of the object.
    pub steps: Value,
    /// Decisions on approval steps, each as `{key, approved, input, by}`.
    pub decisions: Value,
    /// Earlier run whose outputs are reused: `{run, from}`.
    pub reuse: Option<Value>,
    /// Reused run, once its steps are copied: `{uid, steps}`.
    pub reused: Option<Value>,
}

/// Returns the contents of the runs with these IDs, in no particular order.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn contents(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<RunContent>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        RunContent,
        r#"select id, coalesce(input, '{}') as "input!", effective_input, output, output_ref, steps, decisions, reuse, reused
         from workflow_runs where tenant_id = $1 and id = any($2)"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the contents of runs"))
}

/// Returns the size of the contents of the runs with these IDs.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn content_size(tx: &mut TenantTx, ids: &[Uuid]) -> Result<ContentSize, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"select coalesce(sum(octet_length(v::text)), 0)::bigint as "text!",
                  coalesce(sum(decoded_bytes(v)), 0)::bigint as "decoded!"
         from workflow_runs, unnest(array[input, effective_input, output, steps, decisions]) as v
         where tenant_id = $1 and id = any($2) and v is not null"#,
        tenant,
        ids
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("measure the contents of runs"))?;
    Ok(ContentSize::from_sums(row.text, row.decoded))
}
