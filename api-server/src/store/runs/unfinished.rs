//! Number and size of unfinished runs.

use crate::store::{Error, TenantTx};

/// Unfinished runs of a tenant that exist in Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Number of runs.
    pub runs: u64,
    /// Size of their inputs, in bytes of JSON.
    pub input_bytes: u64,
}

/// Returns the unfinished runs of the tenant, without the one of this name.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn unfinished(tx: &mut TenantTx, except: &str) -> Result<Unfinished, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    // The run of this name is subtracted, so that the index alone answers the sum.
    let row = sqlx::query!(
        r#"with own as (
             select count(*) as runs, coalesce(sum(input_bytes), 0)::bigint as bytes
             from workflow_runs where tenant_id = $1 and name = $2 and live and not finished
           )
           select count(*) - (select runs from own) as "runs!",
                  coalesce(sum(input_bytes), 0)::bigint - (select bytes from own) as "bytes!"
           from workflow_runs where tenant_id = $1 and live and not finished"#,
        tenant,
        except
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("count unfinished runs"))?;
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Unfinished { runs: number(row.runs), input_bytes: number(row.bytes) })
}
