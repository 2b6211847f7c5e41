//! What is seen of a tenant.

use crds::{
    Tenant, TenantStatus,
    conditions::{self, ConditionUpdate},
    tenant::{AppliedPlan, DeletionPolicy, TenantPhase, TenantState},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Api, Resource as _, ResourceExt as _};

use super::{
    apply::Applied,
    validate::{Refusal, Validated},
};
use crate::{api, context::Context, errors::Error, events::Note};

/// From archiving to the purge, where the tenant says nothing: 30 days.
const ARCHIVED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The conditions that are ours; the others' stay untouched.
const OURS: [&str; 6] = [
    conditions::READY,
    conditions::RECONCILING,
    conditions::STALLED,
    conditions::NAMESPACE_READY,
    conditions::POLICY_READY,
    conditions::ACCESS_READY,
];

/// What came of the set-up.
pub(super) enum Seen<'a> {
    /// All children stand.
    Applied(Applied, &'a Validated),
    /// Nothing was changed, or not all.
    Refused(Refusal),
}

/// Writes the status if it says something new, and tells of transitions.
///
/// # Errors
/// The API server refuses it.
pub(super) async fn write(ctx: &Context, tenant: &Tenant, seen: Seen<'_>) -> Result<(), Error> {
    let old = ours_of(tenant);
    let new = build(tenant, &seen, telemetry::clock::now());
    if old == new {
        return Ok(());
    }
    let api: Api<Tenant> = Api::all(ctx.client.clone());
    let status =
        serde_json::to_value(&new).map_err(|source| Error::Encode { what: "a tenant's status", source })?;
    api::apply_status(&api, &tenant.name_any(), status).await?;
    if let Some(note) = transition(&old, &new) {
        ctx.events.tell(&tenant.object_ref(&()), note).await;
    }
    Ok(())
}

/// The part of the stored status that is written here.
fn ours_of(tenant: &Tenant) -> TenantStatus {
    let mut status = tenant.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| OURS.contains(&condition.type_.as_str()));
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    TenantStatus { quota: None, vectors: None, runs: None, ..status }
}

fn build(tenant: &Tenant, seen: &Seen<'_>, now: Timestamp) -> TenantStatus {
    let mut status = ours_of(tenant);
    status.observed_generation = tenant.metadata.generation;
    match seen {
        Seen::Applied(applied, wanted) => {
            let Applied { namespace } = applied;
            status.namespace = Some(namespace.clone());
            status.plan = Some(AppliedPlan {
                name: wanted.plan.name_any(),
                generation: wanted.plan.metadata.generation.unwrap_or_default(),
            });
            set_times(&mut status, tenant, now);
            status.phase = Some(phase(wanted.state));
        }
        Seen::Refused(refusal) => status.phase = Some(refused_phase(refusal)),
    }
    for condition in conditions_of(tenant, seen) {
        conditions::set(&mut status.conditions, condition, Time(now));
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    status
}

fn set_times(status: &mut TenantStatus, tenant: &Tenant, now: Timestamp) {
    let state = tenant.spec.state.unwrap_or_default();
    let since = |old: &Option<Time>, holds: bool| holds.then(|| old.clone().unwrap_or(Time(now)));
    status.suspended_at = since(&status.suspended_at, state == TenantState::Suspended);
    status.archived_at = since(&status.archived_at, state == TenantState::Archived);
    let purged = tenant.spec.deletion_policy == Some(DeletionPolicy::Delete);
    let kept = tenant.spec.retention.as_ref().and_then(|retention| retention.archived_for.as_ref());
    let kept =
        kept.and_then(|kept| SignedDuration::try_from(kept.to_std().ok()?).ok()).unwrap_or(ARCHIVED_FOR);
    let archived_at = status.archived_at.as_ref().filter(|_| purged);
    status.purge_after = archived_at.and_then(|at| at.0.checked_add(kept).ok()).map(Time);
}

fn phase(state: TenantState) -> TenantPhase {
    match state {
        TenantState::Active => TenantPhase::Active,
        TenantState::Suspended => TenantPhase::Suspended,
        TenantState::Archived => TenantPhase::Archived,
    }
}

fn refused_phase(refusal: &Refusal) -> TenantPhase {
    if stalls(refusal) { TenantPhase::Failed } else { TenantPhase::Pending }
}

/// Whether nothing goes on until a person acts.
fn stalls(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NamespaceNotOurs(_) | Refusal::EgressInvalid(_) | Refusal::ApplyFailed(_) => true,
        Refusal::PlanNotFound(_) | Refusal::NamespaceTerminating(_) => false,
    }
}

fn conditions_of<'a>(tenant: &Tenant, seen: &Seen<'a>) -> Vec<ConditionUpdate<'a>> {
    let generation = tenant.metadata.generation;
    let now = |kind, holds: bool, reason, message: &str| ConditionUpdate {
        kind,
        status: if holds { conditions::TRUE } else { conditions::FALSE },
        reason,
        message: message.to_owned(),
        generation,
    };
    match seen {
        Seen::Applied(_, wanted) => {
            let (reason, message) = ready_reason(wanted.state);
            vec![
                now(conditions::READY, true, reason, message),
                now(conditions::RECONCILING, false, reason, ""),
                now(conditions::STALLED, false, reason, ""),
                now(conditions::NAMESPACE_READY, true, "Applied", "namespace, quota and limits stand"),
                now(conditions::POLICY_READY, true, "Applied", "network policies stand"),
                now(conditions::ACCESS_READY, true, "Applied", "role bindings stand"),
            ]
        }
        Seen::Refused(refusal) => {
            let (reason, message) = refusal_reason(refusal);
            let stalled = stalls(refusal);
            vec![
                now(conditions::READY, false, reason, &message),
                now(conditions::RECONCILING, !stalled, reason, ""),
                now(conditions::STALLED, stalled, reason, &message),
            ]
        }
    }
}

fn ready_reason(state: TenantState) -> (&'static str, &'static str) {
    match state {
        TenantState::Active => ("Ready", "everything works"),
        TenantState::Suspended => ("Suspended", "suspended, as asked: no run starts"),
        TenantState::Archived => ("Archived", "archived, as asked: no run starts and no pod runs"),
    }
}

fn refusal_reason(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::PlanNotFound(plan) => (
            "PlanNotFound",
            format!("there is no Plan {plan}: create it, or name another one in spec.planRef"),
        ),
        Refusal::NamespaceNotOurs(message) => ("NamespaceNotOurs", message.clone()),
        Refusal::NamespaceTerminating(name) => (
            "NamespaceTerminating",
            format!("namespace {name} is being deleted; it is made again after that"),
        ),
        Refusal::EgressInvalid(message) => ("EgressInvalid", message.clone()),
        Refusal::ApplyFailed(message) => ("ApplyFailed", message.clone()),
    }
}

fn transition(old: &TenantStatus, new: &TenantStatus) -> Option<Note> {
    let of = |status: &TenantStatus| conditions::get(&status.conditions, conditions::READY).cloned();
    let said = |ready: &Condition| (ready.status.clone(), ready.reason.clone());
    let now = of(new)?;
    if of(old).as_ref().map(said) == Some(said(&now)) {
        return None;
    }
    let text = now.message.clone();
    Some(match now.reason.as_str() {
        "Ready" => Note::normal("SetUp", "Ready", text),
        "Suspended" => Note::normal("SetUp", "Suspended", text),
        "Archived" => Note::normal("SetUp", "Archived", text),
        "PlanNotFound" => Note::warning("SetUp", "PlanNotFound", text),
        "NamespaceNotOurs" => Note::warning("SetUp", "NamespaceNotOurs", text),
        _ => Note::warning("SetUp", "NotReady", text),
    })
}
