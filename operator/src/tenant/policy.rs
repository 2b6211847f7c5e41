//! Condition `PolicyReady` of a tenant that is set up: whether what its plan says is in force. Pure.

use crds::{
    Plan, Tenant,
    conditions::{self, ConditionUpdate},
};
use kube::ResourceExt as _;

use super::usage::{Usage, above_plan};
use crate::state::{Conclusion, Enforcement};

/// Reason of the condition of a tenant that uses more than its plan permits.
pub(super) const USAGE_ABOVE_PLAN: &str = "UsageAbovePlan";

/// Reason of the condition of all tenants in a cluster that does not enforce their network policies. It takes precedence.
pub(super) const NOT_ENFORCED: &str = "NetworkPoliciesNotEnforced";

/// Whether what a tenant's plan says is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyState {
    holds: bool,
    reason: &'static str,
    message: String,
}

impl PolicyState {
    /// Returns the state of a tenant whose network policies and quota are applied.
    pub(crate) fn new(plan: &Plan, usage: &Usage, enforcement: Enforcement) -> Self {
        let (is_enforced, network) = network_message(enforcement);
        let above: Vec<String> = above_plan(&plan.spec, usage).iter().map(ToString::to_string).collect();
        let usage = if above.is_empty() { String::new() } else { usage_message(plan, &above) };
        match (is_enforced, above.is_empty()) {
            (true, true) => Self { holds: true, reason: "Applied", message: network },
            (true, false) => Self { holds: false, reason: USAGE_ABOVE_PLAN, message: usage },
            (false, true) => Self { holds: false, reason: NOT_ENFORCED, message: network },
            (false, false) => {
                Self { holds: false, reason: NOT_ENFORCED, message: format!("{network}; {usage}") }
            }
        }
    }

    /// Returns the condition.
    pub(super) fn condition(&self, generation: Option<i64>) -> ConditionUpdate<'static> {
        let Self { holds, reason, message } = self;
        ConditionUpdate {
            kind: conditions::POLICY_READY,
            status: if *holds { conditions::TRUE } else { conditions::FALSE },
            reason,
            message: message.clone(),
            generation,
        }
    }

    /// Returns whether the condition of a tenant says something else. A tenant that is not set up says nothing yet.
    pub(crate) fn differs_from(&self, tenant: &Tenant) -> bool {
        let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let is_set_up = conditions::is_true(conditions, conditions::NAMESPACE_READY);
        let policy = conditions::get(conditions, conditions::POLICY_READY).filter(|_| is_set_up);
        policy.is_some_and(|policy| policy.reason != self.reason || policy.message != self.message)
    }
}

fn usage_message(plan: &Plan, above: &[String]) -> String {
    format!(
        "the tenant uses more than plan {} allows: {}. Nothing is deleted, and nothing is added beyond these limits until the \
         usage is lower",
        plan.name_any(),
        above.join(", ")
    )
}

/// Returns whether the network policies may be in force, and what is known about them.
fn network_message(enforcement: Enforcement) -> (bool, String) {
    let not_enforced = match enforcement {
        Enforcement::NotProbed => return (true, "the network policies are up to date".to_owned()),
        Enforcement::Unknown(reason) => {
            let message = format!(
                "the network policies are up to date; whether the cluster enforces them is not known: {reason}"
            );
            return (true, message);
        }
        Enforcement::Known(Conclusion::Enforced) => {
            return (true, "the network policies are up to date, and the cluster enforces them".to_owned());
        }
        Enforcement::Known(Conclusion::IncomingNotEnforced) => "for connections to pods",
        Enforcement::Known(Conclusion::OutgoingNotEnforced) => "for connections from pods",
        Enforcement::Known(Conclusion::NothingEnforced) => "at all",
    };
    let message = format!(
        "the cluster does not enforce network policies {not_enforced}, so the network of the tenant is open: install a network \
         plugin that does, such as Calico or Cilium"
    );
    (false, message)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;
    use crate::tenant::usage::RunUsage;

    fn usage(workflows: &str) -> Usage {
        let quota =
            json!({"metadata": {}, "status": {"used": {"count/workflows.smbcopilot.dev": workflows}}});
        Usage::new(Some(&serde_json::from_value(quota).unwrap()), RunUsage::default())
    }

    fn state(workflows: &str) -> PolicyState {
        state_in(Enforcement::Known(Conclusion::Enforced), workflows)
    }

    fn state_in(enforcement: Enforcement, workflows: &str) -> PolicyState {
        let plan = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Plan", "metadata": {"name": "starter"},
            "spec": {"limits": {"workflows": 3}},
        });
        PolicyState::new(&serde_json::from_value(plan).unwrap(), &usage(workflows), enforcement)
    }

    /// A tenant above its plan has the reason `UsageAbovePlan` with the plan, the limit and both numbers.
    #[test]
    fn the_condition_names_the_plan_the_limit_and_both_numbers() {
        let condition = state("4").condition(Some(1));
        assert_eq!((condition.status, condition.reason), (conditions::FALSE, "UsageAbovePlan"));
        assert!(
            condition.message.contains("plan starter allows: 4 of 3 limits.workflows."),
            "{}",
            condition.message
        );
        assert_eq!(state("3").condition(Some(1)).status, conditions::TRUE);
    }

    /// In a cluster that does not enforce network policies the condition is False and says so, also beside usage above the plan.
    /// While that is not known it is True, and its message says why.
    #[test]
    fn the_condition_says_whether_the_cluster_enforces_network_policies() {
        for (enforcement, status, reason, words) in [
            (Enforcement::NotProbed, "True", "Applied", "up to date"),
            (Enforcement::Unknown("no node is ready"), "True", "Applied", "is not known: no node is ready"),
            (Enforcement::Known(Conclusion::Enforced), "True", "Applied", "the cluster enforces them"),
            (
                Enforcement::Known(Conclusion::IncomingNotEnforced),
                "False",
                NOT_ENFORCED,
                "for connections to pods",
            ),
            (
                Enforcement::Known(Conclusion::OutgoingNotEnforced),
                "False",
                NOT_ENFORCED,
                "for connections from pods",
            ),
            (Enforcement::Known(Conclusion::NothingEnforced), "False", NOT_ENFORCED, "at all"),
        ] {
            let condition = state_in(enforcement, "3").condition(Some(1));
            assert_eq!((condition.status, condition.reason), (status, reason), "{enforcement:?}");
            assert!(condition.message.contains(words), "{}", condition.message);
        }
        let both = state_in(Enforcement::Known(Conclusion::NothingEnforced), "4").condition(Some(1));
        assert_eq!(both.reason, NOT_ENFORCED);
        assert!(both.message.contains("4 of 3 limits.workflows"), "{}", both.message);
    }

    /// The condition of a tenant is written again only when the numbers have changed, and not before the tenant is set up.
    #[test]
    fn the_condition_is_written_again_when_the_numbers_have_changed() {
        let tenant = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "acme"},
            "spec": {"planRef": {"name": "starter"}}, "status": {},
        });
        let mut tenant: Tenant = serde_json::from_value(tenant).unwrap();
        let conditions = &mut tenant.status.as_mut().unwrap().conditions;
        conditions::set(conditions, state("4").condition(None), Time(jiff::Timestamp::UNIX_EPOCH));
        assert!(!state("5").differs_from(&tenant), "it is not set up");
        let set_up = ConditionUpdate {
            kind: conditions::NAMESPACE_READY,
            status: conditions::TRUE,
            ..state("3").condition(None)
        };
        let conditions = &mut tenant.status.as_mut().unwrap().conditions;
        conditions::set(conditions, set_up, Time(jiff::Timestamp::UNIX_EPOCH));
        let differs = ["4", "5", "3"].map(|workflows| state(workflows).differs_from(&tenant));
        assert_eq!(differs, [false, true, true]);
    }
}
