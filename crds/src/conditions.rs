//! The vocabulary of conditions, after kstatus, and how one is set.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The object is as its spec says.
pub const READY: &str = "Ready";
/// We are working on it.
pub const RECONCILING: &str = "Reconciling";
/// Nothing goes on until a person acts.
pub const STALLED: &str = "Stalled";
/// The tenant's namespace, quota and limits stand.
pub const NAMESPACE_READY: &str = "NamespaceReady";
/// The tenant's network policies stand.
pub const POLICY_READY: &str = "PolicyReady";
/// The tenant's role bindings stand.
pub const ACCESS_READY: &str = "AccessReady";
/// The tenant's vector collection stands.
pub const VECTOR_STORE_READY: &str = "VectorStoreReady";
/// The object is in Postgres (written by the api-server).
pub const MIRRORED: &str = "Mirrored";
/// The archived tenant was exported (written by the api-server).
pub const EXPORTED: &str = "Exported";
/// The workflow has no problems.
pub const VALID: &str = "Valid";
/// The workflow's schedules are in force.
pub const SCHEDULED: &str = "Scheduled";
/// The workflow's last run succeeded.
pub const LAST_RUN_SUCCEEDED: &str = "LastRunSucceeded";
/// The run succeeded (unknown while it runs).
pub const SUCCEEDED: &str = "Succeeded";
/// The finished run is in Postgres (written by the api-server).
pub const ARCHIVED: &str = "Archived";

/// `True`.
pub const TRUE: &str = "True";
/// `False`.
pub const FALSE: &str = "False";
/// `Unknown`.
pub const UNKNOWN: &str = "Unknown";

/// What a condition says now.
#[derive(Clone, Debug)]
pub struct ConditionUpdate<'a> {
    /// Its type, from the vocabulary above.
    pub kind: &'a str,
    /// [`TRUE`], [`FALSE`] or [`UNKNOWN`].
    pub status: &'a str,
    /// One PascalCase word for machines.
    pub reason: &'a str,
    /// A sentence for people; may be empty.
    pub message: String,
    /// The generation of the spec that this was seen of.
    pub generation: Option<i64>,
}

/// Sets a condition; `lastTransitionTime` moves only when the status changes. Says whether anything changed.
pub fn set(conditions: &mut Vec<Condition>, now: ConditionUpdate<'_>, at: Time) -> bool {
    let ConditionUpdate { kind, status, reason, message, generation } = now;
    let old = conditions.iter_mut().find(|condition| condition.type_ == kind);
    let since = match &old {
        Some(old) if old.status == status => old.last_transition_time.clone(),
        _ => at,
    };
    let new = Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        last_transition_time: since,
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

/// The condition of a type.
#[must_use]
pub fn get<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// Whether the condition of a type is there and `True`.
#[must_use]
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    get(conditions, kind).is_some_and(|condition| condition.status == TRUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(seconds).unwrap())
    }

    fn ready(status: &'static str, reason: &'static str, generation: i64) -> ConditionUpdate<'static> {
        ConditionUpdate { kind: READY, status, reason, message: String::new(), generation: Some(generation) }
    }

    /// "Ready for 5 minutes" means nothing, since each look at the object begins anew.
    #[test]
    fn the_time_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        assert!(set(&mut conditions, ready(FALSE, "NoPlan", 1), at(1)));
        assert!(set(&mut conditions, ready(FALSE, "NoNamespace", 2), at(2)));
        assert_eq!(get(&conditions, READY).map(|ready| &ready.last_transition_time), Some(&at(1)));
        assert!(set(&mut conditions, ready(TRUE, "Ready", 2), at(3)));
        assert_eq!(get(&conditions, READY).map(|ready| &ready.last_transition_time), Some(&at(3)));
        assert!(is_true(&conditions, READY));
        assert_eq!(conditions.len(), 1);
    }

    /// The operator and the API server write an unchanged status for ever, each woken by the other.
    #[test]
    fn saying_the_same_again_changes_nothing() {
        let mut conditions = Vec::new();
        set(&mut conditions, ready(TRUE, "Ready", 1), at(1));
        let before = conditions.clone();
        assert!(!set(&mut conditions, ready(TRUE, "Ready", 1), at(9)));
        assert_eq!(conditions, before);
    }
}
