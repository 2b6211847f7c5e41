//! Status of a tenant. Pure.

use crds::{
    Tenant, TenantStatus,
    conditions::{self, ConditionUpdate},
    tenant::{AppliedPlan, DeletionPolicy, TenantPhase, TenantState},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;

use super::{
    apply::Applied,
    validate::{Refusal, Validated},
};
use crate::events::NewEvent;

/// Time from archiving to the purge if the tenant specifies none: 30 days.
const DEFAULT_ARCHIVE_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

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

/// Returns the status to write and an Event about its transition, or `None` if the tenant has that status already.
pub(super) fn update(
    tenant: &Tenant,
    outcome: &Outcome<'_>,
    user: u32,
    now: Timestamp,
) -> Option<(TenantStatus, Option<NewEvent>)> {
    let old = owned_status(tenant);
    let mut new = build(tenant, outcome, now);
    new.run_as_user = Some(user);
    let event = transition_event(&old, &new);
    (old != new).then_some((new, event))
}

/// Returns the part of the stored status that the operator writes here.
fn owned_status(tenant: &Tenant) -> TenantStatus {
    let mut status = tenant.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| OWNED_CONDITIONS.contains(&condition.type_.as_str()));
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    TenantStatus { quota: None, vectors: None, runs: None, ..status }
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
            set_times(&mut status, tenant, now);
            status.phase = Some(phase(validated.state));
        }
        Outcome::Refused(refusal) => status.phase = Some(refused_phase(refusal)),
    }
    for condition in conditions_of(tenant, outcome) {
        conditions::set(&mut status.conditions, condition, Time(now));
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    status
}

fn set_times(status: &mut TenantStatus, tenant: &Tenant, now: Timestamp) {
    let state = tenant.spec.state.unwrap_or_default();
    let since = |old: &Option<Time>, is_set: bool| is_set.then(|| old.clone().unwrap_or(Time(now)));
    status.suspended_at = since(&status.suspended_at, state == TenantState::Suspended);
    status.archived_at = since(&status.archived_at, state == TenantState::Archived);
    let is_purged = tenant.spec.deletion_policy == Some(DeletionPolicy::Delete);
    let retention = tenant.spec.retention.as_ref().and_then(|retention| retention.archived_for.as_ref());
    let retention = retention
        .and_then(|retention| SignedDuration::try_from(retention.to_std().ok()?).ok())
        .unwrap_or(DEFAULT_ARCHIVE_RETENTION);
    let archived_at = status.archived_at.as_ref().filter(|_| is_purged);
    status.purge_after = archived_at.and_then(|at| at.0.checked_add(retention).ok()).map(Time);
}

fn phase(state: TenantState) -> TenantPhase {
    match state {
        TenantState::Active => TenantPhase::Active,
        TenantState::Suspended => TenantPhase::Suspended,
        TenantState::Archived => TenantPhase::Archived,
    }
}

fn refused_phase(refusal: &Refusal) -> TenantPhase {
    if is_stalled(refusal) { TenantPhase::Failed } else { TenantPhase::Pending }
}

/// Returns whether a user has to change something before the tenant can be set up.
fn is_stalled(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NamespaceNotOurs(_) | Refusal::EgressInvalid(_) | Refusal::ApplyFailed(_) => true,
        Refusal::PlanNotFound(_) | Refusal::NamespaceTerminating(_) => false,
    }
}

/// Returns the condition of the children because of which a tenant is refused, if it is known.
fn failed_child(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::NamespaceNotOurs(_) | Refusal::NamespaceTerminating(_) => Some(conditions::NAMESPACE_READY),
        Refusal::EgressInvalid(_) => Some(conditions::POLICY_READY),
        Refusal::PlanNotFound(_) | Refusal::ApplyFailed(_) => None,
    }
}

fn conditions_of<'a>(tenant: &Tenant, outcome: &Outcome<'a>) -> Vec<ConditionUpdate<'a>> {
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
            let (reason, message) = ready_reason(validated.state);
            vec![
                condition(conditions::READY, true, reason, message),
                condition(conditions::RECONCILING, false, reason, ""),
                condition(conditions::STALLED, false, reason, ""),
                condition(
                    conditions::NAMESPACE_READY,
                    true,
                    "Applied",
                    "the namespace, quota and limits are up to date",
                ),
                condition(conditions::POLICY_READY, true, "Applied", "the network policies are up to date"),
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

fn ready_reason(state: TenantState) -> (&'static str, &'static str) {
    match state {
        TenantState::Active => ("Ready", "the tenant is set up"),
        TenantState::Suspended => ("Suspended", "suspended by spec.state: no runs are started"),
        TenantState::Archived => {
            ("Archived", "archived by spec.state: no runs are started and no pods are running")
        }
    }
}

fn refusal_reason(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::PlanNotFound(plan) => (
            "PlanNotFound",
            format!("Plan {plan} does not exist: create it, or name another one in spec.planRef"),
        ),
        Refusal::NamespaceNotOurs(message) => ("NamespaceNotOurs", message.clone()),
        Refusal::NamespaceTerminating(name) => (
            "NamespaceTerminating",
            format!("namespace {name} is being deleted; it is created again afterwards"),
        ),
        Refusal::EgressInvalid(message) => ("EgressInvalid", message.clone()),
        Refusal::ApplyFailed(message) => ("ApplyFailed", message.clone()),
    }
}

/// Returns an Event about a changed condition Ready.
fn transition_event(old: &TenantStatus, new: &TenantStatus) -> Option<NewEvent> {
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
        "NamespaceNotOurs" => NewEvent::warning("SetUp", "NamespaceNotOurs", message),
        _ => NewEvent::warning("SetUp", "NotReady", message),
    })
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
            statuses(Refusal::NamespaceNotOurs("not ours".to_owned())),
            "AccessReady=Unknown NamespaceReady=False PolicyReady=Unknown Ready=False Reconciling=False Stalled=True"
        );
        assert_eq!(
            statuses(Refusal::EgressInvalid("not a CIDR".to_owned())),
            "AccessReady=Unknown NamespaceReady=Unknown PolicyReady=False Ready=False Reconciling=False Stalled=True"
        );
    }
}
