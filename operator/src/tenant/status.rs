//! Status of a tenant. Pure.

use crds::{
    Tenant, TenantStatus,
    conditions::{self, ConditionUpdate},
    constants::DEFAULT_ARCHIVED_FOR_SECONDS,
    tenant::{AppliedPlan, DeletionPolicy, OnSuspend, TenantPhase, TenantState},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;

use super::{
    apply::Applied,
    drain::Unfinished,
    policy::USAGE_ABOVE_PLAN,
    purge,
    validate::{Refusal, Validated},
};
use crate::{events::NewEvent, names::NAMESPACE_CONFLICT};

/// Conditions that the operator writes. Those of others are preserved.
const OWNED_CONDITIONS: [&str; 6] = [
    conditions::READY,
    conditions::RECONCILING,
    conditions::STALLED,
    conditions::NAMESPACE_READY,
    conditions::POLICY_READY,
    conditions::ACCESS_READY,
];

/// Outcome of the set-up.
pub(super) enum Outcome<'a> {
    /// All children are applied.
    Applied(Applied, &'a Validated),
    /// The tenant was refused, or not all children could be applied.
    Refused(Refusal),
}

/// Returns the status to write and Events about its transition, or `None` if the tenant has that status already.
pub(super) fn update(
    tenant: &Tenant,
    outcome: &Outcome<'_>,
    user: u32,
    now: Timestamp,
) -> Option<(TenantStatus, Vec<NewEvent>)> {
    let old = owned_status(tenant);
    let mut new = build(tenant, outcome, now);
    new.run_as_user = Some(user);
    let events = ready_event(&old, &new).into_iter().chain(usage_event(&old, &new)).collect();
    (old != new).then_some((new, events))
}

/// Returns the part of the stored status that the operator writes here.
pub(super) fn owned_status(tenant: &Tenant) -> TenantStatus {
    let mut status = tenant.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| OWNED_CONDITIONS.contains(&condition.type_.as_str()));
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    TenantStatus { quota: None, vectors: None, runs: None, export: None, ..status }
}

fn build(tenant: &Tenant, outcome: &Outcome<'_>, now: Timestamp) -> TenantStatus {
    let mut status = owned_status(tenant);
    status.observed_generation = tenant.metadata.generation;
    match outcome {
        Outcome::Applied(applied, validated) => {
            let Applied { namespace } = applied;
            status.namespace = Some(namespace.clone());
            status.plan = Some(AppliedPlan {
                name: validated.plan.name_any(),
                generation: validated.plan.metadata.generation.unwrap_or_default(),
            });
            set_times(&mut status, tenant, validated.unfinished, now);
            status.phase = Some(phase(validated));
        }
        Outcome::Refused(refusal) => status.phase = Some(refused_phase(refusal)),
    }
    for condition in conditions_of(tenant, outcome, &status, now) {
        conditions::set(&mut status.conditions, condition, Time(now));
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    status
}

fn set_times(status: &mut TenantStatus, tenant: &Tenant, unfinished: Unfinished, now: Timestamp) {
    let state = tenant.spec.state.unwrap_or_default();
    let since = |old: &Option<Time>, is_set: bool| is_set.then(|| old.clone().unwrap_or(Time(now)));
    status.suspended_at = since(&status.suspended_at, state == TenantState::Suspended);
    let is_archived = status.archived_at.is_some() || unfinished.all == 0;
    status.archived_at = since(&status.archived_at, state == TenantState::Archived && is_archived);
    let is_purged = tenant.spec.deletion_policy == Some(DeletionPolicy::Delete);
    let retention = tenant.spec.retention.as_ref().and_then(|retention| retention.archived_for.as_ref());
    let retention = retention
        .and_then(|retention| SignedDuration::try_from(retention.to_std().ok()?).ok())
        .unwrap_or(SignedDuration::from_secs(DEFAULT_ARCHIVED_FOR_SECONDS));
    let archived_at = status.archived_at.as_ref().filter(|_| is_purged);
    status.purge_after = archived_at.and_then(|at| at.0.checked_add(retention).ok()).map(Time);
}

fn phase(tenant: &Validated) -> TenantPhase {
    match tenant.state {
        TenantState::Active => TenantPhase::Active,
        TenantState::Archived if tenant.unfinished.all == 0 => TenantPhase::Archived,
        TenantState::Suspended | TenantState::Archived => TenantPhase::Suspended,
    }
}

fn refused_phase(refusal: &Refusal) -> TenantPhase {
    if is_stalled(refusal) { TenantPhase::Failed } else { TenantPhase::Pending }
}

/// Returns whether a user has to change something before the tenant can be set up.
fn is_stalled(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NamespaceConflict(_) | Refusal::EgressInvalid(_) | Refusal::ApplyFailed(_) => true,
        Refusal::PlanNotFound(_) | Refusal::NamespaceTerminating(_) => false,
    }
}

/// Returns the condition of the children because of which a tenant is refused, if it is known.
fn failed_child(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::NamespaceConflict(_) | Refusal::NamespaceTerminating(_) => Some(conditions::NAMESPACE_READY),
        Refusal::EgressInvalid(_) => Some(conditions::POLICY_READY),
        Refusal::PlanNotFound(_) | Refusal::ApplyFailed(_) => None,
    }
}

fn conditions_of<'a>(
    tenant: &Tenant,
    outcome: &Outcome<'a>,
    status: &TenantStatus,
    now: Timestamp,
) -> Vec<ConditionUpdate<'a>> {
    let generation = tenant.metadata.generation;
    let condition = |kind, holds: bool, reason, message: &str| ConditionUpdate {
        kind,
        status: if holds { conditions::TRUE } else { conditions::FALSE },
        reason,
        message: message.to_owned(),
        generation,
    };
    match outcome {
        Outcome::Applied(_, validated) => {
            let (reason, message) = ready_reason(tenant, validated, status, now);
            vec![
                condition(conditions::READY, true, reason, &message),
                condition(conditions::RECONCILING, false, reason, ""),
                condition(conditions::STALLED, false, reason, ""),
                condition(
                    conditions::NAMESPACE_READY,
                    true,
                    "Applied",
                    "the namespace, quota and limits are up to date",
                ),
                validated.policy.condition(generation),
                condition(conditions::ACCESS_READY, true, "Applied", "the role bindings are up to date"),
            ]
        }
        Outcome::Refused(refusal) => {
            let (reason, message) = refusal_reason(refusal);
            let stalled = is_stalled(refusal);
            // What was true before may not be true any more: the children are not up to date.
            let child = |kind| ConditionUpdate {
                status: if failed_child(refusal) == Some(kind) {
                    conditions::FALSE
                } else {
                    conditions::UNKNOWN
                },
                ..condition(kind, false, reason, &message)
            };
            vec![
                condition(conditions::READY, false, reason, &message),
                condition(conditions::RECONCILING, !stalled, reason, ""),
                condition(conditions::STALLED, stalled, reason, &message),
                child(conditions::NAMESPACE_READY),
                child(conditions::POLICY_READY),
                child(conditions::ACCESS_READY),
            ]
        }
    }
}

fn ready_reason(
    tenant: &Tenant,
    validated: &Validated,
    status: &TenantStatus,
    now: Timestamp,
) -> (&'static str, String) {
    let Unfinished { all, with_slot } = validated.unfinished;
    match validated.state {
        TenantState::Active => ("Ready", "the tenant is set up".to_owned()),
        TenantState::Suspended => {
            let rest = match (with_slot, tenant.spec.on_suspend.unwrap_or_default()) {
                (0, _) => String::new(),
                (left, OnSuspend::Drain) => format!("; {left} runs continue until they finish"),
                (left, OnSuspend::Cancel) => format!("; {left} runs are being cancelled"),
            };
            ("Suspended", format!("suspended by spec.state: no runs are started{rest}"))
        }
        TenantState::Archived if all > 0 => {
            ("Suspended", format!("being archived by spec.state: {all} runs are being cancelled"))
        }
        TenantState::Archived => {
            let purge = purge::description(tenant, status, now);
            (
                "Archived",
                format!("archived by spec.state: no runs are started and no pods are running{purge}"),
            )
        }
    }
}

fn refusal_reason(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::PlanNotFound(plan) => (
            "PlanNotFound",
            format!("Plan {plan} does not exist: create it, or name another one in spec.planRef"),
        ),
        Refusal::NamespaceConflict(message) => (NAMESPACE_CONFLICT, message.clone()),
        Refusal::NamespaceTerminating(name) => (
            "NamespaceTerminating",
            format!("namespace {name} is being deleted; it is created again afterwards"),
        ),
        Refusal::EgressInvalid(message) => ("EgressInvalid", message.clone()),
        Refusal::ApplyFailed(message) => ("ApplyFailed", message.clone()),
    }
}

/// Returns an Event about a changed condition Ready.
fn ready_event(old: &TenantStatus, new: &TenantStatus) -> Option<NewEvent> {
    let ready = |status: &TenantStatus| conditions::get(&status.conditions, conditions::READY).cloned();
    let state = |ready: &Condition| (ready.status.clone(), ready.reason.clone());
    let now = ready(new)?;
    if ready(old).as_ref().map(state) == Some(state(&now)) {
        return None;
    }
    let message = now.message.clone();
    Some(match now.reason.as_str() {
        "Ready" => NewEvent::normal("SetUp", "Ready", message),
        "Suspended" => NewEvent::normal("SetUp", "Suspended", message),
        "Archived" => NewEvent::normal("SetUp", "Archived", message),
        "PlanNotFound" => NewEvent::warning("SetUp", "PlanNotFound", message),
        NAMESPACE_CONFLICT => NewEvent::warning("SetUp", NAMESPACE_CONFLICT, message),
        _ => NewEvent::warning("SetUp", "NotReady", message),
    })
}

/// Returns an Event about usage that exceeds the plan now.
fn usage_event(old: &TenantStatus, new: &TenantStatus) -> Option<NewEvent> {
    let policy =
        |status: &TenantStatus| conditions::get(&status.conditions, conditions::POLICY_READY).cloned();
    let is_above = |policy: &Condition| policy.reason == USAGE_ABOVE_PLAN;
    let now = policy(new).filter(is_above)?;
    let was_above = policy(old).as_ref().is_some_and(is_above);
    (!was_above).then(|| NewEvent::warning("SetUp", USAGE_ABOVE_PLAN, now.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a tenant is refused, none of its conditions says any more that its children are up to date.
    #[test]
    fn a_refused_tenant_has_no_condition_that_was_true_before() {
        let text = "{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {name: acme, generation: 2}, \
                    spec: {planRef: {name: starter}}}";
        let mut tenant: Tenant = serde_yaml::from_str(text).unwrap();
        let mut old = TenantStatus::default();
        for kind in OWNED_CONDITIONS {
            let holds = ConditionUpdate {
                kind,
                status: conditions::TRUE,
                reason: "Applied",
                message: String::new(),
                generation: Some(1),
            };
            conditions::set(&mut old.conditions, holds, Time(Timestamp::UNIX_EPOCH));
        }
        tenant.status = Some(old);
        let statuses = |refusal: Refusal| {
            let status = build(&tenant, &Outcome::Refused(refusal), Timestamp::UNIX_EPOCH);
            let texts = status.conditions.into_iter().map(|condition| {
                assert_eq!(condition.observed_generation, Some(2), "{}", condition.type_);
                format!("{}={}", condition.type_, condition.status)
            });
            texts.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            statuses(Refusal::PlanNotFound("starter".to_owned())),
            "AccessReady=Unknown NamespaceReady=Unknown PolicyReady=Unknown Ready=False Reconciling=True Stalled=False"
        );
        assert_eq!(
            statuses(Refusal::NamespaceConflict("not ours".to_owned())),
            "AccessReady=Unknown NamespaceReady=False PolicyReady=Unknown Ready=False Reconciling=False Stalled=True"
        );
        assert_eq!(
            statuses(Refusal::EgressInvalid("not a CIDR".to_owned())),
            "AccessReady=Unknown NamespaceReady=Unknown PolicyReady=False Ready=False Reconciling=False Stalled=True"
        );
    }
}
