//! Pace at which the new runs of a tenant are queued while many of its runs wait anyway. Each takes several requests to the API
//! server, which all tenants share, and a tenant can create runs faster than the API server answers.

use std::time::Duration;

use super::{
    super::{
        observe::Snapshot,
        stage::{Stage, retry_after},
    },
    slots::queue_entry,
};
use crate::context::Context;

/// Number of queued runs ahead of a new run from which on its tenant's pace applies. They keep the tenant's slots busy for
/// longer than [`RETRY`], unless they end within milliseconds.
const QUEUED_AHEAD: usize = 32;
/// Minimum delay of a run that is not queued yet. The maximum is twice as long.
const RETRY: Duration = Duration::from_secs(1);

/// Lets a new run pass if few runs of its tenant are queued ahead of it, or if the tenant's pace allows another one.
///
/// # Errors
/// Returns an exit if the run has to be reconciled again later. Its status is empty until then.
pub(super) fn require(ctx: &Context, snapshot: &Snapshot) -> Stage<()> {
    if snapshot.status().phase.is_some() {
        return Ok(());
    }
    let run = queue_entry(&snapshot.run, snapshot.tenant_name()).run;
    if ctx.slots.queued_ahead(&run) < QUEUED_AHEAD || ctx.queue_pace.admits(&run.tenant) {
        return Ok(());
    }
    Err(retry_after(RETRY.mul_f64(1.0 + rand::random::<f64>())))
}
