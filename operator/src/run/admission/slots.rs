//! Concurrency slots: requests for one, and their release.

use std::time::Duration;

use crds::{
    Tenant, WorkflowRun, conditions,
    run::{QueueReason, QueueStatus},
    tenant::{TenantPhase, TenantState},
    workflow::{ConcurrencyPolicy, ErrorKind},
};
use domain::admission::{self, QueuedRun, TenantGuard, Verdict};
use jiff::Timestamp;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{
    super::{
        apply::write_queued,
        decide::End,
        observe::Snapshot,
        stage::{Stage, retry_after},
    },
    concurrency::group,
};
use crate::{
    context::Context,
    run_lifecycle::{has_started, is_queued_for_slot},
    state::{QueueEntry, Revision, SlotRequest, TenantUsage, utc_day},
    watch::{ReconcileRequest, Stores},
};

/// Minimum time between two writes of the position of the first queued run. A slot that becomes free requests a
/// reconcile of the run at once, and a run that waits for another reason shows it at once.
const POSITION_INTERVAL: Duration = Duration::from_secs(15);
/// Time by which the interval grows for each position in the queue, so that all queued runs together write a few times
/// per second, however many they are.
const POSITION_INTERVAL_STEP: Duration = Duration::from_millis(500);

/// Requests a slot for a run, and reconciles the other runs that are admitted by the same decision.
///
/// # Errors
/// Returns an exit if the run is queued or rejected, or if the API server cannot be reached.
pub(super) async fn request(
    ctx: &Context,
    snapshot: &Snapshot,
    revision: &Revision,
    now: Timestamp,
) -> Stage<()> {
    let entry = queue_entry(&snapshot.run, snapshot.tenant_name());
    let SlotRequest { verdict, admitted, queue_length, shown_at } =
        ctx.slots.request(entry, utc_day(now), |name, usage| tenant_limits(&ctx.stores, name, usage));
    ctx.requests.send_all(admitted.into_iter().map(ReconcileRequest::Run)).await;
    update_metrics(ctx);
    let Verdict::Wait { position, reason, message } = verdict else { return Ok(()) };
    if let Some(end) = rejection(&ctx.stores, snapshot, revision, reason, &message, queue_length) {
        release_slot(ctx, &snapshot.uid).await;
        return Err(end.into());
    }
    let interval = POSITION_INTERVAL + POSITION_INTERVAL_STEP.saturating_mul(position);
    let queue = QueueStatus { position: Some(position), ..QueueStatus::new(reason, message) };
    // Every run that ends changes the positions of all runs behind it, and the write of a position causes a reconcile.
    if snapshot.status().queue.is_some_and(|shown| shown.reason == queue.reason)
        && let Some(remaining) = shown_at.and_then(|shown_at| remaining(interval, shown_at, now))
    {
        return Err(retry_after(remaining));
    }
    write_queued(&ctx.client, snapshot, Some(revision), &queue).await?;
    ctx.slots.record_shown(&snapshot.uid, now);
    Err(retry_after(interval))
}

/// Returns the rest of an interval, or `None` if it has passed.
fn remaining(interval: Duration, since: Timestamp, now: Timestamp) -> Option<Duration> {
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    interval.checked_sub(passed).filter(|remaining| !remaining.is_zero())
}

/// Returns the queue entry of a run.
pub(super) fn queue_entry(run: &WorkflowRun, tenant: String) -> QueueEntry {
    let object = ObjectRef::from_obj(run);
    let run = QueuedRun {
        uid: run.uid().unwrap_or_default(),
        tenant,
        created_at: run.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        priority: run.spec.priority.unwrap_or_default(),
        is_resumed: has_started(run),
        group: group(run),
    };
    QueueEntry { run, object, shown_at: None }
}

/// Returns the end of a new run that is rejected rather than queued. A run that is queued already is never rejected.
fn rejection(
    stores: &Stores,
    snapshot: &Snapshot,
    revision: &Revision,
    reason: QueueReason,
    message: &str,
    queue_length: usize,
) -> Option<End> {
    if snapshot.has_started() {
        return None;
    }
    let policy = revision.spec.concurrency.as_ref().and_then(|concurrency| concurrency.policy);
    if reason == QueueReason::WorkflowConcurrency && policy == Some(ConcurrencyPolicy::Reject) {
        let message = format!("{message}; spec.concurrency.policy is Reject");
        return Some(End::failed(ErrorKind::Policy, "CONCURRENCY_LIMIT", message));
    }
    let plan = snapshot.tenant.as_ref().and_then(|tenant| stores.plan_of(tenant))?;
    let limit = plan.spec.limits.as_ref()?.queued_runs?;
    let is_new = !is_queued_for_slot(&snapshot.run);
    if is_new && queue_length > usize::try_from(limit).unwrap_or(usize::MAX) {
        let message = format!(
            "{} runs are queued already; plan {} allows {limit} queued runs",
            queue_length.saturating_sub(1),
            plan.name_any()
        );
        return Some(End::failed(ErrorKind::Policy, "QUEUE_FULL", message));
    }
    None
}

/// Gives a slot to a run regardless of the limits.
pub(in crate::run) fn hold_slot(ctx: &Context, snapshot: &mut Snapshot) {
    hold(ctx, &snapshot.run, &snapshot.tenant_name());
    snapshot.holds_slot = true;
}

/// Gives a slot to a run of a tenant regardless of the limits.
fn hold(ctx: &Context, run: &WorkflowRun, tenant: &str) {
    let uid = run.uid().unwrap_or_default();
    ctx.slots.hold(&uid, tenant, group(run).map(|group| group.key));
}

/// Gives a slot to a run that occupies one by its status.
pub(in crate::run) fn hold_slot_of(ctx: &Context, run: &WorkflowRun) {
    let tenant = ctx.stores.tenant_in(&run.namespace().unwrap_or_default());
    hold(ctx, run, &tenant.map(|tenant| tenant.name_any()).unwrap_or_default());
}

/// Releases the slot of a run, and reconciles the runs that are admitted instead.
pub(in crate::run) async fn release_slot(ctx: &Context, run_uid: &str) {
    let today = utc_day(telemetry::clock::now());
    let admitted = ctx.slots.release(run_uid, today, |name, usage| tenant_limits(&ctx.stores, name, usage));
    ctx.requests.send_all(admitted.into_iter().map(ReconcileRequest::Run)).await;
    update_metrics(ctx);
}

fn update_metrics(ctx: &Context) {
    let (holding, queued) = ctx.slots.counts();
    ctx.metrics.runs_admitted.set(i64::try_from(holding).unwrap_or(i64::MAX));
    ctx.metrics.runs_queued.set(i64::try_from(queued).unwrap_or(i64::MAX));
}

/// Returns the limits of a tenant, together with its usage.
fn tenant_limits(stores: &Stores, name: &str, usage: TenantUsage) -> admission::Tenant {
    let tenant = stores.tenants.get(&ObjectRef::new(name));
    let plan = tenant.as_ref().and_then(|tenant| stores.plan_of(tenant));
    let spec = plan.as_ref().map(|plan| &plan.spec);
    let TenantUsage { running, today } = usage;
    admission::Tenant {
        name: name.to_owned(),
        guard: tenant_guard(tenant.as_deref()),
        weight: spec.and_then(|spec| spec.weight).unwrap_or(1),
        concurrent_runs: spec.and_then(|spec| spec.limits.as_ref()?.concurrent_runs),
        running,
        runs_per_day: spec.and_then(|spec| spec.limits.as_ref()?.runs_per_day),
        runs_today: today,
        plan: plan.as_ref().map(|plan| plan.name_any()).unwrap_or_default(),
    }
}

/// Returns whether runs of a tenant may start, and otherwise the tenant's state.
fn tenant_guard(tenant: Option<&Tenant>) -> TenantGuard {
    let Some(tenant) = tenant else { return TenantGuard::Closed("deleted".to_owned()) };
    match tenant.spec.state.unwrap_or_default() {
        TenantState::Suspended => return TenantGuard::Closed("suspended".to_owned()),
        TenantState::Archived => return TenantGuard::Closed("archived".to_owned()),
        TenantState::Active => (),
    }
    let status = tenant.status.clone().unwrap_or_default();
    if !conditions::is_true(&status.conditions, conditions::READY) {
        TenantGuard::Closed("not ready".to_owned())
    } else if matches!(status.phase, Some(TenantPhase::Suspended | TenantPhase::Archived)) {
        // Its quota allows no pods yet.
        TenantGuard::Closed("being resumed".to_owned())
    } else {
        TenantGuard::Open
    }
}
