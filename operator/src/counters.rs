//! Counts in the status of tenants and workflows: all together, at most every ten seconds.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use crds::{
    Tenant, Workflow, WorkflowRun, labels,
    tenant::{DailyRuns, QuotaStatus, TenantRuns},
    workflow::{LastRun, WorkflowRuns},
};
use k8s_openapi::{api::core::v1::ResourceQuota, apimachinery::pkg::api::resource::Quantity};
use kube::{Api, ResourceExt as _, api::ListParams};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api,
    context::Context,
    errors::{Class, Error, chain},
    run::day,
};

/// A count is for people; a thousand runs a minute must not write a thousand statuses.
const PERIOD: Duration = Duration::from_secs(10);

/// Writes what has changed, every ten seconds, until asked to stop.
pub(crate) async fn write(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(PERIOD);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = write_once(&ctx).await {
            tracing::warn!(error = chain(&error), "failed to write counts");
        }
    }
    Ok(())
}

async fn write_once(ctx: &Context) -> Result<(), Error> {
    let counted = Counted::of(&ctx.stores.runs.state());
    let quotas: Api<ResourceQuota> = Api::all(ctx.client.clone());
    let quotas = api::list(&quotas, ListParams::default().labels(labels::TENANT)).await?;
    for tenant in ctx.stores.tenants.state() {
        let namespace = crate::tenant::namespace_name(&tenant);
        let quota = quotas.iter().find(|quota| {
            quota.metadata.namespace.as_deref() == Some(&namespace)
                && quota.metadata.name.as_deref() == Some(crds::names::RESOURCE_QUOTA)
        });
        let api = Api::all(ctx.client.clone());
        let today = day(telemetry::clock::now());
        let admitted = ctx.slots.admitted_on(&tenant.name_any(), today);
        let today = DailyRuns { date: today.to_string(), count: admitted };
        let patch = tenant_patch(&tenant, counted.in_namespace(&namespace), today, quota);
        merge(&api, &*tenant, patch).await?;
    }
    let mut outcome = Ok(());
    for (workflow, last) in changed_workflows(ctx) {
        let api = Api::namespaced(ctx.client.clone(), &workflow.namespace().unwrap_or_default());
        let patch = workflow_patch(&workflow, counted.of_workflow(&workflow), last.as_ref());
        let written = merge(&api, &*workflow, patch).await;
        if !matches!(written, Ok(Written::Yes))
            && let Some(last) = last
        {
            ctx.last_runs.give_back(&workflow, last);
        }
        // The others are written nevertheless: what was taken for them would be lost.
        outcome = outcome.and(written.map(|_| ()));
    }
    outcome
}

/// Every workflow with the run that finished last, where one did since the last time.
fn changed_workflows(ctx: &Context) -> Vec<(Arc<Workflow>, Option<LastRun>)> {
    let mut finished = ctx.last_runs.take();
    let workflows = ctx.stores.workflows.state().into_iter();
    workflows
        .map(|workflow| {
            let last = finished.remove(&(workflow.namespace().unwrap_or_default(), workflow.name_any()));
            (workflow, last)
        })
        .collect()
}

/// Whether a patch came to be.
enum Written {
    Yes,
    /// Somebody else wrote first, or the object is gone.
    No,
}

async fn merge<K: api::Readable>(
    api: &Api<K>,
    object: &K,
    patch: Map<String, Value>,
) -> Result<Written, Error> {
    if patch.is_empty() {
        return Ok(Written::Yes);
    }
    let version = object.resource_version().unwrap_or_default();
    match api::merge_status(api, &object.name_any(), &version, Value::Object(patch)).await {
        Ok(_) => Ok(Written::Yes),
        // It was written to meanwhile; its counts come with the next round.
        Err(error) if error.class() == Class::Conflict => Ok(Written::No),
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.is_not_found()) => {
            Ok(Written::No)
        }
        Err(error) => Err(error),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    running: u32,
    queued: u32,
}

/// Unfinished runs, by namespace and workflow.
struct Counted(HashMap<(String, String), Count>);

impl Counted {
    fn of(runs: &[Arc<WorkflowRun>]) -> Self {
        let mut counts: HashMap<_, Count> = HashMap::new();
        for run in runs.iter().filter(|run| !crate::run::rests(run)) {
            let workflow = (run.namespace().unwrap_or_default(), run.spec.workflow_ref.name.clone());
            let count = counts.entry(workflow).or_default();
            if crate::run::has_started(run) { count.running += 1 } else { count.queued += 1 }
        }
        Self(counts)
    }

    fn in_namespace(&self, namespace: &str) -> Count {
        let of_it = self.0.iter().filter(|((of, _), _)| of == namespace);
        of_it.fold(Count::default(), |sum, (_, count)| Count {
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
    quota: Option<&ResourceQuota>,
) -> Map<String, Value> {
    let status = tenant.status.clone().unwrap_or_default();
    let old = status.runs.unwrap_or_default();
    let runs = TenantRuns { running: count.running, queued: count.queued, today: Some(today) };
    let quota = quota.map(|quota| {
        let seen = quota.status.clone().unwrap_or_default();
        QuotaStatus { hard: texts(seen.hard), used: texts(seen.used) }
    });
    let mut patch = Map::new();
    if runs != old || tenant.status.as_ref().is_none_or(|status| status.runs.is_none()) {
        patch.insert("runs".to_owned(), json!(runs));
    }
    if quota.is_some() && quota != status.quota {
        patch.insert("quota".to_owned(), with_nulls(json!(quota), status.quota.as_ref()));
    }
    patch
}

/// A merge patch removes a bound that is gone only where it says so.
fn with_nulls(mut new: Value, old: Option<&QuotaStatus>) -> Value {
    let Some(QuotaStatus { hard, used }) = old else { return new };
    for (part, old) in [("hard", hard), ("used", used)] {
        for resource in old.keys() {
            let gone = new.get(part).is_none_or(|amounts| amounts.get(resource).is_none());
            if gone && let Some(quota) = new.as_object_mut() {
                let amounts = quota.entry(part).or_insert_with(|| json!({}));
                amounts.as_object_mut().map(|amounts| amounts.insert(resource.clone(), Value::Null));
            }
        }
    }
    new
}

fn texts(
    amounts: Option<std::collections::BTreeMap<String, Quantity>>,
) -> std::collections::BTreeMap<String, String> {
    amounts.into_iter().flatten().map(|(resource, amount)| (resource, amount.0)).collect()
}

fn workflow_patch(workflow: &Workflow, count: Count, last: Option<&LastRun>) -> Map<String, Value> {
    let status = workflow.status.clone().unwrap_or_default();
    let runs = WorkflowRuns { running: count.running, queued: count.queued };
    let mut patch = Map::new();
    if status.runs.as_ref() != Some(&runs) {
        patch.insert("runs".to_owned(), json!(runs));
    }
    // Not an older one: the newest may be deleted already.
    let is_newer = |last: &&LastRun| {
        status.last_run.as_ref().is_none_or(|known| known != *last && known.finished_at <= last.finished_at)
    };
    if let Some(last) = last.filter(is_newer) {
        patch.insert("lastRun".to_owned(), json!(last));
    }
    patch
}
