//! Status of a plan. Pure.

use crds::{
    Plan, PlanStatus,
    conditions::{self, ConditionUpdate},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Conditions that the operator writes.
const OWNED_CONDITIONS: [&str; 3] = [conditions::READY, conditions::RECONCILING, conditions::STALLED];

/// Reason of condition Ready on a plan whose egress rules are not valid.
pub(super) const EGRESS_INVALID: &str = "EgressInvalid";

/// Returns the status to write, or `None` if the plan has it already.
pub(super) fn build(plan: &Plan, problem: Option<&str>, tenants: u32, now: Timestamp) -> Option<PlanStatus> {
    let old = owned_status(plan);
    let mut status = PlanStatus {
        observed_generation: plan.metadata.generation,
        tenants: Some(tenants),
        conditions: old.conditions.clone(),
    };
    for update in conditions_of(plan, problem) {
        conditions::set(&mut status.conditions, update, Time(now));
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    (old != status).then_some(status)
}

/// Returns the part of the stored status that the operator writes.
fn owned_status(plan: &Plan) -> PlanStatus {
    let mut status = plan.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| OWNED_CONDITIONS.contains(&condition.type_.as_str()));
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    status
}

fn conditions_of(plan: &Plan, problem: Option<&str>) -> [ConditionUpdate<'static>; 3] {
    let condition = |kind, holds: bool, message: Option<&str>| ConditionUpdate {
        kind,
        status: if holds { conditions::TRUE } else { conditions::FALSE },
        reason: if problem.is_none() { "Ready" } else { EGRESS_INVALID },
        message: message.unwrap_or_default().to_owned(),
        generation: plan.metadata.generation,
    };
    [
        condition(conditions::READY, problem.is_none(), problem),
        condition(conditions::RECONCILING, false, None),
        condition(conditions::STALLED, problem.is_some(), problem),
    ]
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

    /// A plan with an egress problem is stalled, since a user has to correct it, and the conditions say why.
    #[test]
    fn a_plan_with_a_problem_is_stalled() {
        let status = build(&plan(), Some("not a CIDR"), 0, Timestamp::UNIX_EPOCH).unwrap();
        let condition = |kind| {
            let found = conditions::get(&status.conditions, kind).unwrap();
            (found.status.as_str(), found.message.as_str())
        };
        assert_eq!(condition(conditions::READY), ("False", "not a CIDR"));
        assert_eq!(condition(conditions::STALLED), ("True", "not a CIDR"));
        assert_eq!(condition(conditions::RECONCILING), ("False", ""));
    }
}
