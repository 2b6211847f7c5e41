//! Slots and queue after a restart of the operator, by the status of the runs.

use kube::ResourceExt as _;

use super::{
    super::observe::Snapshot,
    daily_quota,
    slots::{hold_slot, hold_slot_of, queue_entry},
};
use crate::{
    context::Context,
    errors::Error,
    run_lifecycle::{is_queued_for_slot, occupies_slot},
};

/// Restores the slots, the queue and the daily counts, before any run is admitted. Only the status of the runs is read: a
/// run that cannot be reconciled must not prevent the operator from starting.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn restore(ctx: &Context) -> Result<(), Error> {
    let now = telemetry::clock::now();
    for run in ctx.stores.runs.state() {
        if occupies_slot(&run) {
            hold_slot_of(ctx, &run);
        } else if is_queued_for_slot(&run) {
            let tenant = ctx.stores.tenant_in(&run.namespace().unwrap_or_default());
            let tenant = tenant.map(|tenant| tenant.name_any()).unwrap_or_default();
            ctx.slots.enqueue(queue_entry(&run, tenant));
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
