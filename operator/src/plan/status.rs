//! Status of a plan. Pure.

use crds::{
    Plan, PlanStatus,
    conditions::{self, ConditionUpdate},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Reason of condition Ready on a plan whose egress rules are not valid.
pub(super) const EGRESS_INVALID: &str = "EgressInvalid";

/// Returns the status to write, or `None` if the plan has it already.
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
        reason: if problem.is_none() { "Ready" } else { EGRESS_INVALID },
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

    /// An unchanged status is not written again, so that no watcher is woken.
    #[test]
    fn an_unchanged_status_is_not_written() {
        let mut plan = plan();
        let now = Timestamp::UNIX_EPOCH;
        plan.status = build(&plan, None, 3, now);
        assert_eq!(plan.status.as_ref().unwrap().tenants, Some(3));
        assert_eq!(build(&plan, None, 3, now), None);
        assert!(build(&plan, None, 4, now).is_some());
    }

    /// A plan with an egress problem is not ready, and the condition says why.
    #[test]
    fn a_plan_with_a_problem_is_not_ready() {
        let status = build(&plan(), Some("not a CIDR"), 0, Timestamp::UNIX_EPOCH).unwrap();
        let ready = conditions::get(&status.conditions, conditions::READY).unwrap();
        assert_eq!((ready.status.as_str(), ready.message.as_str()), ("False", "not a CIDR"));
    }
}
