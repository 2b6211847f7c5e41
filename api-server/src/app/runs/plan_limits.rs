//! Limits of the plan for unfinished runs, which are known before a run is created.

use crds::plan::PlanLimits;
use domain::admission::UnfinishedRuns;
use serde::Deserialize as _;

use crate::{
    app::Error,
    store::{TenantToWrite, TenantTx, plans, runs},
};

/// Checks that the plan of a tenant permits a new run. Runs that are created at the same time do not see each other: the
/// operator checks the limits again when it accepts a run.
///
/// # Errors
/// Returns an error if the run exceeds a limit, or if the database fails.
pub(super) async fn check(
    tx: &mut TenantTx,
    tenant: &TenantToWrite,
    run: &str,
    new_input_bytes: u64,
) -> Result<(), Error> {
    let limits = plans::limits_of_tenant(tx).await?;
    let limits = limits.and_then(|limits| PlanLimits::deserialize(limits).ok()).unwrap_or_default();
    let runs::Unfinished { runs, input_bytes } = runs::unfinished(tx, run).await?;
    UnfinishedRuns { runs, input_bytes, new_input_bytes }.check(&limits, &tenant.plan_name)?;
    Ok(())
}
