//! Counts in the status of tenants and workflows, written together at an interval.

mod quota_usage;
mod usage;

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use crds::{
    Tenant, Workflow, WorkflowRun,
    tenant::{DailyRuns, QuotaStatus, TenantRuns},
    workflow::{LastRun, WorkflowRuns},
};
use k8s_openapi::{api::core::v1::ResourceQuota, apimachinery::pkg::api::resource::Quantity};
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    api,
    context::Context,
    errors::{Class, Error, chain, without_panic},
    run_lifecycle::{is_suspended, occupies_slot},
    state::utc_day,
};

/// Interval at which counts are written, and minimum time between two writes that the end of a run causes. They are for
/// users; a thousand runs per minute must not cause a thousand writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(10);

/// Writes the counts that have changed at every interval, and when a run has finished, until `stop` is cancelled.
pub(crate) async fn write_counts(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(WRITE_INTERVAL);
    let mut last_prompt_write = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
            () = finished_run(&ctx, last_prompt_write) => last_prompt_write = Some(Instant::now()),
        }
        if let Err(error) = without_panic(write_changed_counts(&ctx)).await {
            tracing::warn!(error = chain(&error), "failed to write counts");
        }
    }
}

/// Waits until a run has finished and may cause a write.
async fn finished_run(ctx: &Context, last_prompt_write: Option<Instant>) {
    ctx.last_runs.recorded().await;
    tokio::time::sleep_until(next_prompt_write(last_prompt_write, Instant::now())).await;
}

/// Returns the time at which the end of a run causes a write: at once, unless the end of another run has caused one
/// within the interval.
fn next_prompt_write(last: Option<Instant>, now: Instant) -> Instant {
    last.map_or(now, |last| now.max(last + WRITE_INTERVAL))
}

async fn write_changed_counts(ctx: &Context) -> Result<(), Error> {
    let runs = ctx.stores.runs.state();
    usage::request_outdated(ctx, &runs).await;
    let counts = RunCounts::new(&runs);
    let written = write_tenant_counts(ctx, &counts).await;
    written.and(write_workflow_counts(ctx, &counts).await)
}

async fn write_tenant_counts(ctx: &Context, counts: &RunCounts) -> Result<(), Error> {
    let mut outcome = Ok(());
    for tenant in ctx.stores.tenants.state() {
        // A tenant that names the namespace of another one has no runs there, and is not told about its quota.
        let namespace = ctx.stores.namespace_of(&tenant).unwrap_or_default();
        let quota = ctx.stores.quota_in(&namespace);
        let api = Api::all(ctx.client.clone());
        let today = utc_day(telemetry::clock::now());
        let admitted = ctx.slots.admitted_on(&tenant.name_any(), today);
        let today = DailyRuns { date: today.to_string(), count: admitted };
        let quota = quota.map(|quota| quota_status(quota.object()));
        let old_quota = tenant.status.as_ref().and_then(|status| status.quota.as_ref());
        let event = quota.as_ref().and_then(|quota| quota_usage::event(old_quota, quota));
        let patch = tenant_patch(&tenant, counts.in_namespace(&namespace), today, quota.as_ref());
        let written = merge(&api, &*tenant, patch).await;
        // The Event follows from the change of the status, so it is published once for each.
        if let (Ok(WriteResult::Written), Some(event)) = (&written, event) {
            ctx.events.publish_in_background(&tenant.object_ref(&()), event);
        }
        // A tenant whose status cannot be written does not keep the others from theirs.
        outcome = outcome.and(written.map(|_| ()));
    }
    outcome
}

async fn write_workflow_counts(ctx: &Context, counts: &RunCounts) -> Result<(), Error> {
    let mut outcome = Ok(());
    for (workflow, last) in workflows_with_last_runs(ctx) {
        let api = Api::namespaced(ctx.client.clone(), &workflow.namespace().unwrap_or_default());
        let patch = workflow_patch(&workflow, counts.of_workflow(&workflow), last.as_ref());
        let written = merge(&api, &*workflow, patch).await;
        if !matches!(written, Ok(WriteResult::Written))
            && let Some(last) = last
        {
            ctx.last_runs.restore(&workflow, last);
        }
        // The other workflows are written nevertheless, or the last runs that were taken for them would be lost.
        outcome = outcome.and(written.map(|_| ()));
    }
    outcome
}

/// Returns every workflow, with the run that finished last since the previous call.
fn workflows_with_last_runs(ctx: &Context) -> Vec<(Arc<Workflow>, Option<LastRun>)> {
    let mut finished = ctx.last_runs.take();
    let workflows = ctx.stores.workflows.state().into_iter();
    workflows
        .map(|workflow| {
            let last = finished.remove(&(workflow.namespace().unwrap_or_default(), workflow.name_any()));
            (workflow, last)
        })
        .collect()
}

/// Result of writing a patch.
enum WriteResult {
    Written,
    /// Another client wrote the object first, or the object was deleted.
    Skipped,
}

async fn merge<K: api::Readable>(
    api: &Api<K>,
    object: &K,
    patch: Map<String, Value>,
) -> Result<WriteResult, Error> {
    if patch.is_empty() {
        return Ok(WriteResult::Written);
    }
    let version = object.resource_version().unwrap_or_default();
    match api::merge_status(api, &object.name_any(), &version, Value::Object(patch)).await {
        Ok(_) => Ok(WriteResult::Written),
        // The object was written meanwhile; its counts are written at the next interval.
        Err(error) if error.class() == Class::Conflict => Ok(WriteResult::Skipped),
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.is_not_found()) => {
            Ok(WriteResult::Skipped)
        }
        Err(error) => Err(error),
    }
}

/// Number of unfinished runs that are not suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    running: u32,
    queued: u32,
}

/// Number of unfinished runs, by namespace and workflow.
struct RunCounts(HashMap<(String, String), Count>);

impl RunCounts {
    fn new(runs: &[Arc<WorkflowRun>]) -> Self {
        let mut counts: HashMap<_, Count> = HashMap::new();
        for run in runs.iter().filter(|run| !is_suspended(run)) {
            let workflow = (run.namespace().unwrap_or_default(), run.spec.workflow_ref.name.clone());
            let count = counts.entry(workflow).or_default();
            if occupies_slot(run) { count.running += 1 } else { count.queued += 1 }
        }
        Self(counts)
    }

    fn in_namespace(&self, namespace: &str) -> Count {
        let matching = self.0.iter().filter(|((counted, _), _)| counted == namespace);
        matching.fold(Count::default(), |sum, (_, count)| Count {
            running: sum.running + count.running,
            queued: sum.queued + count.queued,
        })
    }

    fn of_workflow(&self, workflow: &Workflow) -> Count {
        let key = (workflow.namespace().unwrap_or_default(), workflow.name_any());
        self.0.get(&key).copied().unwrap_or_default()
    }
}

fn tenant_patch(
    tenant: &Tenant,
    count: Count,
    today: DailyRuns,
    quota: Option<&QuotaStatus>,
) -> Map<String, Value> {
    let status = tenant.status.clone().unwrap_or_default();
    let old = status.runs.unwrap_or_default();
    let runs = TenantRuns { running: count.running, queued: count.queued, today: Some(today) };
    let mut patch = Map::new();
    if runs != old || tenant.status.as_ref().is_none_or(|status| status.runs.is_none()) {
        patch.insert("runs".to_owned(), json!(runs));
    }
    if quota.is_some() && quota != status.quota.as_ref() {
        patch.insert("quota".to_owned(), with_nulls(json!(quota), status.quota.as_ref()));
    }
    patch
}

fn quota_status(quota: &ResourceQuota) -> QuotaStatus {
    let status = quota.status.clone().unwrap_or_default();
    QuotaStatus { hard: quantity_strings(status.hard), used: quantity_strings(status.used) }
}

/// Adds a null for each resource that is no longer limited. Without it, a merge patch would preserve the old value.
fn with_nulls(mut new: Value, old: Option<&QuotaStatus>) -> Value {
    let Some(QuotaStatus { hard, used }) = old else { return new };
    for (part, old) in [("hard", hard), ("used", used)] {
        for resource in old.keys() {
            let is_removed = new.get(part).is_none_or(|amounts| amounts.get(resource).is_none());
            if is_removed && let Some(quota) = new.as_object_mut() {
                let amounts = quota.entry(part).or_insert_with(|| json!({}));
                amounts.as_object_mut().map(|amounts| amounts.insert(resource.clone(), Value::Null));
            }
        }
    }
    new
}

fn quantity_strings(amounts: Option<BTreeMap<String, Quantity>>) -> BTreeMap<String, String> {
    amounts.into_iter().flatten().map(|(resource, amount)| (resource, amount.0)).collect()
}

fn workflow_patch(workflow: &Workflow, count: Count, last: Option<&LastRun>) -> Map<String, Value> {
    let status = workflow.status.clone().unwrap_or_default();
    let runs = WorkflowRuns { running: count.running, queued: count.queued };
    let mut patch = Map::new();
    if status.runs.as_ref() != Some(&runs) {
        patch.insert("runs".to_owned(), json!(runs));
    }
    // An older run is not written: the newest may have been deleted already.
    let is_newer = |last: &&LastRun| {
        status.last_run.as_ref().is_none_or(|known| known != *last && known.finished_at <= last.finished_at)
    };
    if let Some(last) = last.filter(is_newer) {
        patch.insert("lastRun".to_owned(), json!(last));
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a run is written at once, and that of many runs at most once per interval.
    #[test]
    fn the_first_end_of_a_run_is_written_at_once() {
        let now = Instant::now();
        assert_eq!(next_prompt_write(None, now), now);
        let long_ago = now.checked_sub(2 * WRITE_INTERVAL).unwrap();
        assert_eq!(next_prompt_write(Some(long_ago), now), now);
        assert_eq!(next_prompt_write(Some(now), now), now + WRITE_INTERVAL);
    }
}
