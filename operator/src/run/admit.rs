//! Asking for a slot.

use crds::{
    Tenant, conditions,
    run::QueueStatus,
    tenant::TenantState,
    workflow::{ConcurrencyPolicy, ErrorKind},
};
use domain::admission::{self, ConcurrencyGroup, QueuedRun, TenantGuard, Verdict, WaitReason};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use serde_json::Value;

use super::{
    decide::End,
    revisions::Revision,
    see::Seen,
    slots::{Has, Offered, Waiting},
};
use crate::{
    context::Context,
    watch::{Stores, kicks::Kick},
};

/// What came of asking.
pub(super) enum Asked {
    /// The run has a slot.
    Admitted,
    /// It waits for one.
    Waits(QueueStatus),
    /// It can never be counted, or is one too many.
    Refused(End),
}

/// Asks for a slot, and calls others that got one on this occasion.
pub(super) async fn ask(ctx: &Context, seen: &Seen, revision: &Revision, now: Timestamp) -> Asked {
    let waiting = match waiting(seen, revision) {
        Ok(waiting) => waiting,
        Err(end) => return Asked::Refused(end),
    };
    let Offered { verdict, admitted, waiting } =
        ctx.slots.offer(waiting, day(now), |name, has| limits(&ctx.stores, name, has));
    ctx.kicks.send_all(admitted.into_iter().map(Kick::Run)).await;
    count(ctx);
    let Verdict::Wait { position, reason, message } = verdict else { return Asked::Admitted };
    if let Some(end) = too_many(ctx, seen, revision, reason, &message, waiting) {
        give_back(ctx, &seen.uid).await;
        return Asked::Refused(end);
    }
    Asked::Waits(QueueStatus { position: Some(position), reason: reason.as_str().to_owned(), message })
}

fn waiting(seen: &Seen, revision: &Revision) -> Result<Waiting, End> {
    let queued = QueuedRun {
        uid: seen.uid.clone(),
        tenant: seen.tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default(),
        created_at: seen.run.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        priority: seen.run.spec.priority.unwrap_or_default(),
        is_resumed: seen.has_begun(),
        group: group(seen, revision)?,
    };
    Ok(Waiting { queued, object: ObjectRef::from_obj(seen.run.as_ref()) })
}

/// Enters a run that waited for a slot already when another operator worked.
pub(super) fn wait(ctx: &Context, seen: &Seen) {
    let Some(revision) = &seen.revision else { return };
    // One that cannot be counted is told so when it is looked at.
    if let Ok(waiting) = waiting(seen, revision) {
        ctx.slots.wait(waiting);
    }
}

/// Whether a run that is new would rather be told no than wait. One that waits already is never put out.
fn too_many(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
    reason: WaitReason,
    message: &str,
    waiting: usize,
) -> Option<End> {
    if seen.has_begun() {
        return None;
    }
    let policy = revision.spec.concurrency.as_ref().and_then(|concurrency| concurrency.policy);
    if reason == WaitReason::WorkflowConcurrency && policy == Some(ConcurrencyPolicy::Reject) {
        let message = format!("{message}; spec.concurrency.policy is Reject");
        return Some(End::failed(ErrorKind::Policy, "CONCURRENCY_LIMIT", message));
    }
    let plan = seen.tenant.as_ref().and_then(|tenant| ctx.stores.plan_of(tenant))?;
    let limit = plan.spec.limits.as_ref()?.queued_runs?;
    let is_new = seen.run.status.as_ref().is_none_or(|status| status.queue.is_none());
    if is_new && waiting > usize::try_from(limit).unwrap_or(usize::MAX) {
        let message = format!(
            "{} of {limit} runs that plan {} allows to wait are waiting already",
            waiting.saturating_sub(1),
            plan.name_any()
        );
        return Some(End::failed(ErrorKind::Policy, "QUEUE_FULL", message));
    }
    None
}

/// A time's day in UTC, by which a plan counts.
pub(crate) fn day(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

/// Gives a run that has started its slot, whatever the limits say.
pub(super) fn hold(ctx: &Context, seen: &mut Seen) {
    let group = seen.revision.as_ref().and_then(|revision| group(seen, revision).ok().flatten());
    let tenant = seen.tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default();
    ctx.slots.hold(&seen.uid, &tenant, group.map(|group| group.key));
    seen.holds_slot = true;
}

/// Gives a run's slot back, and calls who got it.
pub(super) async fn give_back(ctx: &Context, uid: &str) {
    let today = day(telemetry::clock::now());
    let admitted = ctx.slots.release(uid, today, |name, has| limits(&ctx.stores, name, has));
    ctx.kicks.send_all(admitted.into_iter().map(Kick::Run)).await;
    count(ctx);
}

fn count(ctx: &Context) {
    let (holding, waiting) = ctx.slots.counts();
    ctx.metrics.runs_admitted.set(i64::try_from(holding).unwrap_or(i64::MAX));
    ctx.metrics.runs_queued.set(i64::try_from(waiting).unwrap_or(i64::MAX));
}

pub(super) fn group(seen: &Seen, revision: &Revision) -> Result<Option<ConcurrencyGroup>, End> {
    let Ok(valid) = &revision.valid else { return Ok(None) };
    match valid.concurrency(seen.run.spec.input.as_ref().unwrap_or(&Value::Null)) {
        Ok(None) => Ok(None),
        Ok(Some((limit, value))) => {
            let key = format!("{}/{}/{value}", seen.namespace, revision.workflow);
            Ok(Some(ConcurrencyGroup { key, limit }))
        }
        Err(error) => {
            let message = format!("spec.concurrency.key fails on this input: {error}");
            Err(End::failed(ErrorKind::User, "CONCURRENCY_KEY", message))
        }
    }
}

/// What a tenant may have at once.
fn limits(stores: &Stores, name: &str, has: Has) -> admission::Tenant {
    let tenant = stores.tenants.get(&ObjectRef::new(name));
    let plan = tenant.as_ref().and_then(|tenant| stores.plan_of(tenant));
    let spec = plan.as_ref().map(|plan| &plan.spec);
    let Has { running, today } = has;
    admission::Tenant {
        name: name.to_owned(),
        guard: guard(tenant.as_deref()),
        weight: spec.and_then(|spec| spec.weight).unwrap_or(1),
        concurrent_runs: spec.and_then(|spec| spec.limits.as_ref()?.concurrent_runs),
        running,
        runs_per_day: spec.and_then(|spec| spec.limits.as_ref()?.runs_per_day),
        runs_today: today,
        plan: plan.as_ref().map(|plan| plan.name_any()).unwrap_or_default(),
    }
}

fn guard(tenant: Option<&Tenant>) -> TenantGuard {
    let Some(tenant) = tenant else { return TenantGuard::Closed("gone".to_owned()) };
    match tenant.spec.state.unwrap_or_default() {
        TenantState::Suspended => return TenantGuard::Closed("suspended".to_owned()),
        TenantState::Archived => return TenantGuard::Closed("archived".to_owned()),
        TenantState::Active => (),
    }
    let ready = tenant
        .status
        .as_ref()
        .is_some_and(|status| conditions::is_true(&status.conditions, conditions::READY));
    if ready { TenantGuard::Open } else { TenantGuard::Closed("not ready".to_owned()) }
}
