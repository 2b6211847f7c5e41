//! Types of conditions, following kstatus, and functions that read and set them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{Plan, Tenant, Workflow, WorkflowRun};

/// The object matches its spec.
pub const READY: &str = "Ready";
/// The operator is reconciling the object.
pub const RECONCILING: &str = "Reconciling";
/// Reconciliation cannot continue without intervention by a user.
pub const STALLED: &str = "Stalled";
/// The tenant's namespace, ResourceQuota and LimitRange are up to date.
pub const NAMESPACE_READY: &str = "NamespaceReady";
/// The tenant's network policies are up to date and may be in force, and its usage is within the plan.
pub const POLICY_READY: &str = "PolicyReady";
/// The tenant's role bindings are up to date.
pub const ACCESS_READY: &str = "AccessReady";
/// The tenant's vector collection is up to date.
pub const VECTOR_STORE_READY: &str = "VectorStoreReady";
/// The object is stored in Postgres. Written by the api-server.
pub const MIRRORED: &str = "Mirrored";
/// The data of the archived tenant has been exported. Written by the api-server.
pub const EXPORTED: &str = "Exported";
/// The data of the archived tenant is exported, and its retention has ended. Written by the api-server.
pub const PURGEABLE: &str = "Purgeable";
/// The records and the stored outputs of the deleted tenant are deleted. Written by the api-server.
pub const DATA_DELETED: &str = "DataDeleted";
/// The workflow has no problems.
pub const VALID: &str = "Valid";
/// The workflow's schedules are active.
pub const SCHEDULED: &str = "Scheduled";
/// The workflow's last run succeeded.
pub const LAST_RUN_SUCCEEDED: &str = "LastRunSucceeded";
/// The run succeeded. `Unknown` while the run is unfinished.
pub const SUCCEEDED: &str = "Succeeded";
/// The finished run is stored in Postgres. Written by the api-server.
pub const ARCHIVED: &str = "Archived";

/// Status of a condition that holds.
pub const TRUE: &str = "True";
/// Status of a condition that does not hold.
pub const FALSE: &str = "False";
/// Status of a condition of which it is not known whether it holds.
pub const UNKNOWN: &str = "Unknown";

/// A kind whose objects have conditions.
pub trait Conditioned {
    /// Returns the conditions of the object.
    fn conditions(&self) -> &[Condition];
}

macro_rules! conditioned {
    ($($kind:ty),*) => {
        $(impl Conditioned for $kind {
            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }
        })*
    };
}

conditioned!(Plan, Tenant, Workflow, WorkflowRun);

/// New values of a condition, except its transition time.
#[derive(Clone, Debug)]
pub struct ConditionUpdate<'a> {
    /// Type of the condition: one of the constants of this module.
    pub kind: &'a str,
    /// [`TRUE`], [`FALSE`] or [`UNKNOWN`].
    pub status: &'a str,
    /// Machine-readable reason in PascalCase.
    pub reason: &'a str,
    /// Human-readable message. May be empty.
    pub message: String,
    /// `metadata.generation` of the object on which the condition is based.
    pub generation: Option<i64>,
}

/// Adds or replaces a condition and returns whether anything changed. `lastTransitionTime` changes to `at` only if the
/// status changes.
pub fn set(conditions: &mut Vec<Condition>, update: ConditionUpdate<'_>, at: Time) -> bool {
    let ConditionUpdate { kind, status, reason, message, generation } = update;
    let old = conditions.iter_mut().find(|condition| condition.type_ == kind);
    let last_transition_time = match &old {
        Some(old) if old.status == status => old.last_transition_time.clone(),
        _ => at,
    };
    let new = Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        last_transition_time,
    };
    match old {
        Some(old) if *old == new => false,
        Some(old) => {
            *old = new;
            true
        }
        None => {
            conditions.push(new);
            true
        }
    }
}

/// Returns the condition of the given type.
#[must_use]
pub fn get<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// Returns whether a condition of the given type exists and has the status `True`.
#[must_use]
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    get(conditions, kind).is_some_and(|condition| condition.status == TRUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(seconds).unwrap())
    }

    fn ready(status: &'static str, reason: &'static str, generation: i64) -> ConditionUpdate<'static> {
        ConditionUpdate { kind: READY, status, reason, message: String::new(), generation: Some(generation) }
    }

    /// `lastTransitionTime` changes only with the status, so that it shows how long the object has been
    /// ready.
    #[test]
    fn the_transition_time_changes_only_with_the_status() {
        let mut conditions = Vec::new();
        assert!(set(&mut conditions, ready(FALSE, "NoPlan", 1), second(1)));
        assert!(set(&mut conditions, ready(FALSE, "NoNamespace", 2), second(2)));
        assert_eq!(get(&conditions, READY).map(|ready| &ready.last_transition_time), Some(&second(1)));
        assert!(set(&mut conditions, ready(TRUE, "Ready", 2), second(3)));
        assert_eq!(get(&conditions, READY).map(|ready| &ready.last_transition_time), Some(&second(3)));
        assert!(is_true(&conditions, READY));
        assert_eq!(conditions.len(), 1);
    }

    /// Setting a condition to its current values changes nothing, so that an unchanged status is not written again.
    #[test]
    fn an_unchanged_condition_is_not_updated() {
        let mut conditions = Vec::new();
        set(&mut conditions, ready(TRUE, "Ready", 1), second(1));
        let before = conditions.clone();
        assert!(!set(&mut conditions, ready(TRUE, "Ready", 1), second(9)));
        assert_eq!(conditions, before);
    }
}
