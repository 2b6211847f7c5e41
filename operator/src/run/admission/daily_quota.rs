//! Daily quota: the number of runs that started today, counted again when the operator starts.

use std::collections::HashMap;

use crds::WorkflowRun;
use jiff::{Timestamp, civil::Date};
use kube::{Api, ResourceExt as _, api::ListParams};

use crate::{api, context::Context, errors::Error, state::utc_day};

/// Counts the runs of each tenant that started today, and records the last finished run of each workflow. All runs are
/// read once, page by page.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(super) async fn restore(ctx: &Context, now: Timestamp) -> Result<(), Error> {
    let today = utc_day(now);
    let mut started: HashMap<String, u32> = HashMap::new();
    let runs: Api<WorkflowRun> = Api::all(ctx.client.clone());
    api::for_each(&runs, ListParams::default(), |run| {
        ctx.last_runs.record(run);
        if started_on(run, today) {
            *started.entry(run.namespace().unwrap_or_default()).or_default() += 1;
        }
    })
    .await?;
    for tenant in ctx.stores.tenants.state() {
        let namespace = ctx.stores.namespace_of(&tenant).unwrap_or_default();
        let counted = started.get(&namespace).copied().unwrap_or(0);
        let stored = tenant.status.as_ref().and_then(|status| status.runs.as_ref()?.today.clone());
        // Runs that were deleted since are included in the stored count, which is at most ten seconds old.
        let stored =
            stored.filter(|stored| stored.date == today.to_string()).map_or(0, |stored| stored.count);
        ctx.slots.restore_daily_count(&tenant.name_any(), today, counted.max(stored));
    }
    Ok(())
}

fn started_on(run: &WorkflowRun, day: Date) -> bool {
    let Some(status) = &run.status else { return false };
    let assigned = status.runner.as_ref().and_then(|runner| runner.assigned_at.as_ref());
    // A run that has a pod was admitted, also before its runner has begun.
    status.started_at.as_ref().or(assigned).is_some_and(|started| utc_day(started.0) == day)
}
