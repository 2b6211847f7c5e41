//! What is seen of a plan.

use crds::{
    Plan, PlanStatus,
    conditions::{self, ConditionUpdate},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The reason of a plan that cannot be used.
pub(super) const INVALID: &str = "EgressInvalid";

/// The status to write; none when it says the same already.
pub(super) fn build(plan: &Plan, problem: Option<&str>, tenants: u32, now: Timestamp) -> Option<PlanStatus> {
    let old = plan.status.clone().unwrap_or_default();
    let mut status = PlanStatus {
        observed_generation: plan.metadata.generation,
        conditions: old.conditions.iter().filter(|c| c.type_ == conditions::READY).cloned().collect(),
        tenants: Some(tenants),
    };
    let ready = ConditionUpdate {
        kind: conditions::READY,
        status: if problem.is_none() { conditions::TRUE } else { conditions::FALSE },
        reason: if problem.is_none() { "Ready" } else { INVALID },
        message: problem.unwrap_or_default().to_owned(),
        generation: plan.metadata.generation,
    };
    let changed = conditions::set(&mut status.conditions, ready, Time(now));
    let same =
        !changed && old.observed_generation == status.observed_generation && old.tenants == status.tenants;
    (!same).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let mut plan = Plan::new("starter", crds::PlanSpec::default());
        plan.metadata.generation = Some(2);
        plan
    }

    /// A plan's status is rewritten for ever, each write waking all watchers.
    #[test]
    fn what_is_said_already_is_not_written_again() {
        let mut plan = plan();
        let now = Timestamp::UNIX_EPOCH;
        plan.status = build(&plan, None, 3, now);
        assert_eq!(plan.status.as_ref().unwrap().tenants, Some(3));
        assert_eq!(build(&plan, None, 3, now), None);
        assert!(build(&plan, None, 4, now).is_some());
    }

    /// A plan whose egress nobody can read looks ready.
    #[test]
    fn a_problem_is_said_in_ready() {
        let status = build(&plan(), Some("no range"), 0, Timestamp::UNIX_EPOCH).unwrap();
        let ready = conditions::get(&status.conditions, conditions::READY).unwrap();
        assert_eq!((ready.status.as_str(), ready.message.as_str()), ("False", "no range"));
    }
}
