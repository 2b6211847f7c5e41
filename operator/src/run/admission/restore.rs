//! Slots and queue after a restart of the operator, by the status of the runs.

use super::{
    super::observe::{Snapshot, is_queued_for_slot, observe, occupies_slot},
    daily_quota,
    slots::{hold_slot, queue_entry},
};
use crate::{context::Context, errors::Error};

/// Restores the slots, the queue and the daily counts, before any run is admitted.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn restore(ctx: &Context) -> Result<(), Error> {
    let now = telemetry::clock::now();
    for run in ctx.stores.runs.state() {
        if occupies_slot(&run) {
            let mut snapshot = observe(ctx, run, now).await?;
            hold_slot(ctx, &mut snapshot);
        } else if is_queued_for_slot(&run) {
            enqueue(ctx, &observe(ctx, run, now).await?);
        }
    }
    daily_quota::restore(ctx, now).await
}

/// Gives a slot to a run that occupies one by its status, which takes precedence over the state in memory:
/// another operator may have started the run.
pub(in crate::run) fn restore_slot(ctx: &Context, snapshot: &mut Snapshot) {
    if occupies_slot(&snapshot.run) {
        hold_slot(ctx, snapshot);
    }
}

fn enqueue(ctx: &Context, snapshot: &Snapshot) {
    let Some(revision) = &snapshot.revision else { return };
    // A run whose concurrency group cannot be evaluated is rejected when it is reconciled.
    if let Ok(entry) = queue_entry(snapshot, revision) {
        ctx.slots.enqueue(entry);
    }
}
