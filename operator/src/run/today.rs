//! What an operator that begins has to know of runs that have ended: how many began today, and which was the last.

use std::collections::HashMap;

use crds::WorkflowRun;
use jiff::{Timestamp, civil::Date};
use kube::{Api, ResourceExt as _, api::ListParams};

use super::admit::day;
use crate::{api, context::Context, errors::Error};

/// Reads all runs once, page by page.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn seed(ctx: &Context, now: Timestamp) -> Result<(), Error> {
    let today = day(now);
    let mut begun: HashMap<String, u32> = HashMap::new();
    let runs: Api<WorkflowRun> = Api::all(ctx.client.clone());
    api::each(&runs, ListParams::default(), |run| {
        ctx.last_runs.note(run);
        if began_on(run, today) {
            *begun.entry(run.namespace().unwrap_or_default()).or_default() += 1;
        }
    })
    .await?;
    for tenant in ctx.stores.tenants.state() {
        let counted = begun.get(&crate::tenant::namespace_name(&tenant)).copied().unwrap_or(0);
        let written = tenant.status.as_ref().and_then(|status| status.runs.as_ref()?.today.clone());
        // Runs that are deleted already are in what was written, at most ten seconds old.
        let written =
            written.filter(|written| written.date == today.to_string()).map_or(0, |written| written.count);
        ctx.slots.admitted_before(&tenant.name_any(), today, counted.max(written));
    }
    Ok(())
}

fn began_on(run: &WorkflowRun, today: Date) -> bool {
    let started = run.status.as_ref().and_then(|status| status.started_at.as_ref());
    started.is_some_and(|started| day(started.0) == today)
}
