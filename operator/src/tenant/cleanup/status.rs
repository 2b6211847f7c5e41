//! Status of a tenant while its data is deleted. Pure.

use crds::{
    Tenant, TenantStatus,
    conditions::{self, ConditionUpdate},
    tenant::TenantPhase,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    super::status::owned_status,
    step::{Progress, Step},
};
use crate::events::NewEvent;

/// Reason of the conditions `Stalled` and `Ready` while a user has to act.
const BLOCKED: &str = "CleanupBlocked";

/// Returns the status to write and an Event about its transition, or `None` if the tenant has that status already.
pub(super) fn update(
    tenant: &Tenant,
    step: Step,
    progress: &Progress,
    now: Timestamp,
) -> Option<(TenantStatus, Option<NewEvent>)> {
    let old = owned_status(tenant);
    let mut new = old.clone();
    new.observed_generation = tenant.metadata.generation;
    new.phase = Some(TenantPhase::Terminating);
    let (blocked, message) = match progress {
        Progress::Complete => return None,
        Progress::Waiting(message) => (false, message),
        Progress::Blocked(message) => (true, message),
    };
    let reason = if blocked { BLOCKED } else { step.reason() };
    let condition = |kind, holds: bool, reason, message: &str| ConditionUpdate {
        kind,
        status: if holds { conditions::TRUE } else { conditions::FALSE },
        reason,
        message: message.to_owned(),
        generation: tenant.metadata.generation,
    };
    for condition in [
        condition(conditions::READY, false, reason, message),
        condition(conditions::RECONCILING, !blocked, step.reason(), message),
        condition(conditions::STALLED, blocked, reason, if blocked { message } else { "" }),
    ] {
        conditions::set(&mut new.conditions, condition, Time(now));
    }
    new.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    let was_blocked = conditions::is_true(&old.conditions, conditions::STALLED);
    let event = (blocked && !was_blocked).then(|| NewEvent::warning("CleanUp", BLOCKED, message.clone()));
    (old != new).then_some((new, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The conditions show the step that is not complete, and when a user has to act.
    #[test]
    fn the_conditions_show_the_step_and_whether_it_is_blocked() {
        let text = "{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {name: acme, generation: 2}, \
                    spec: {planRef: {name: starter}}, status: {namespace: t-acme, runAsUser: 20001}}";
        let mut tenant: Tenant = serde_yaml::from_str(text).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut reasons = |step, progress: &Progress| {
            let (status, event) = update(&tenant, step, progress, now).unwrap();
            assert_eq!(status.phase, Some(TenantPhase::Terminating));
            assert_eq!((status.namespace.as_deref(), status.run_as_user), (Some("t-acme"), Some(20_001)));
            let conditions = status.conditions.iter();
            let shown: Vec<String> =
                conditions.map(|c| format!("{}={} {}", c.type_, c.status, c.reason)).collect();
            tenant.status = Some(status);
            assert!(update(&tenant, step, progress, now).is_none(), "an unchanged status is not written");
            (shown.join(", "), event.is_some())
        };
        let waiting = Progress::Waiting("runs are being ended: order-1".to_owned());
        let shown = "Ready=False StoppingRuns, Reconciling=True StoppingRuns, Stalled=False StoppingRuns";
        assert_eq!(reasons(Step::StopRuns, &waiting), (shown.to_owned(), false));
        let blocked = Progress::Blocked("a finalizer".to_owned());
        let shown =
            "Ready=False CleanupBlocked, Reconciling=False DeletingNamespace, Stalled=True CleanupBlocked";
        assert_eq!(reasons(Step::DeleteNamespace, &blocked), (shown.to_owned(), true));
    }
}
