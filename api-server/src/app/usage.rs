//! What a tenant uses of the limits of its plan.

use crds::{
    Quantity,
    constants::{DEFAULT_STORED_INPUT_BYTES, DEFAULT_STORED_RUNS, DEFAULT_WORKFLOWS},
    plan::PlanLimits,
};
use serde::Deserialize as _;

use super::{App, Error};
use crate::{
    auth::TenantScope,
    store::{self, TenantTx},
};

/// Usage of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// What is used: a number, or a size in bytes.
    pub used: u64,
    /// Limit of the plan; `None` if it is unlimited.
    pub limit: Option<u64>,
}

/// Usage of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Name of the plan.
    pub plan: String,
    /// Workflows, archived ones included.
    pub workflows: Used,
    /// Runs in the cluster.
    pub stored_runs: Used,
    /// Runs that have not finished.
    pub unfinished_runs: Used,
    /// Runs that are queued.
    pub queued_runs: Used,
    /// Runs that are executed.
    pub concurrent_runs: Used,
    /// Size of the inputs of all unfinished runs.
    pub stored_input_bytes: Used,
    /// Size of the outputs in object storage.
    pub storage_bytes: Used,
    /// Size of all logs.
    pub log_bytes: Used,
}

/// Returns the usage of the tenant.
///
/// # Errors
/// Returns an error if the tenant has just been deleted, or if the database fails.
pub async fn usage(app: &App, scope: TenantScope) -> Result<Usage, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let row = store::usage::usage(&mut tx).await?.ok_or(Error::NotFound)?;
    let store::usage::Usage {
        plan,
        limits,
        workflows,
        stored_runs,
        unfinished_runs,
        queued_runs,
        running_runs,
        input_bytes,
        output_bytes,
        log_bytes,
    } = row;
    let limits = limits.and_then(|limits| PlanLimits::deserialize(limits).ok()).unwrap_or_default();
    let number = |used: i64, limit: Option<u32>| item(used, limit.map(u64::from));
    Ok(Usage {
        plan,
        workflows: number(workflows, limits.workflows.or(Some(DEFAULT_WORKFLOWS))),
        stored_runs: number(stored_runs, limits.stored_runs.or(Some(DEFAULT_STORED_RUNS))),
        unfinished_runs: number(unfinished_runs, limits.unfinished_runs),
        queued_runs: number(queued_runs, limits.queued_runs),
        concurrent_runs: number(running_runs, limits.concurrent_runs),
        stored_input_bytes: item(
            input_bytes,
            limits.stored_input_bytes.as_ref().and_then(bytes).or(Some(DEFAULT_STORED_INPUT_BYTES)),
        ),
        storage_bytes: item(output_bytes, limits.storage_bytes.as_ref().and_then(bytes)),
        log_bytes: item(log_bytes, limits.log_bytes.as_ref().and_then(bytes)),
    })
}

fn item(used: i64, limit: Option<u64>) -> Used {
    Used { used: u64::try_from(used).unwrap_or_default(), limit }
}

fn bytes(quantity: &Quantity) -> Option<u64> {
    u64::try_from(quantity.to_milli().ok()? / 1_000).ok()
}
