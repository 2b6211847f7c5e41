//! Policy for the runners of a workflow: how many are warm, and how long idle ones stay. Pure.

use std::time::Duration;

use crds::{
    Plan, Tenant, WorkflowSpec,
    tenant::TenantState,
    workflow::{Isolation, WorkflowRunners, WorkflowState},
};

/// Policy for the runners of a workflow, within the limits of its tenant's plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunnerPolicy {
    /// Number of idle runners that are ready for new runs.
    pub(crate) warm: u32,
    /// Time for which a runner stays idle after a run.
    pub(crate) keep_alive: Duration,
}

impl RunnerPolicy {
    /// Returns the policy that the workflow requests, within the limits of its plan. While no run may start,
    /// there are no idle runners.
    pub(crate) fn new(spec: &WorkflowSpec, plan: Option<&Plan>, tenant: Option<&Tenant>) -> Self {
        let Some(requested) = &spec.runners else { return Self::default() };
        let is_active = |tenant: &Tenant| {
            tenant.spec.state.unwrap_or_default() == TenantState::Active
                && tenant.metadata.deletion_timestamp.is_none()
        };
        let accepts_runs = spec.state != Some(WorkflowState::Archived) && tenant.is_some_and(is_active);
        if !accepts_runs || requested.isolation == Some(Isolation::PerRun) {
            return Self::default();
        }
        let allowed = plan.and_then(|plan| plan.spec.runners.clone()).unwrap_or_default();
        let length = |length: &Option<crds::Duration>| {
            length.as_ref().and_then(|length| length.to_std().ok()).unwrap_or_default()
        };
        Self {
            warm: requested.warm.unwrap_or(0).min(allowed.warm_max.unwrap_or(0)),
            keep_alive: length(&requested.keep_alive).min(length(&allowed.keep_alive_max)),
        }
    }

    /// Returns the policy as it is written into the status of the workflow.
    pub(crate) fn to_status(self) -> WorkflowRunners {
        let keep_alive = display_duration(self.keep_alive).parse().ok();
        WorkflowRunners { warm: Some(self.warm), keep_alive, isolation: None }
    }

    /// Returns whether the runs of the workflow reuse runners.
    pub(crate) fn reuses_runners(self) -> bool {
        self.warm > 0 || !self.keep_alive.is_zero()
    }
}

/// Returns a duration in the largest unit of which it is a multiple, as in `90s` and `10m`.
fn display_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(runners: &str, plan: &str, tenant: &str) -> RunnerPolicy {
        let spec = serde_yaml::from_str(&format!("{{steps: [], runners: {runners}}}")).unwrap();
        let text = |kind: &str, spec: &str| {
            format!(
                "{{apiVersion: smbcopilot.dev/v1alpha1, kind: {kind}, metadata: {{name: x}}, spec: {spec}}}"
            )
        };
        let plan: Plan = serde_yaml::from_str(&text("Plan", plan)).unwrap();
        let tenant: Tenant = serde_yaml::from_str(&text("Tenant", tenant)).unwrap();
        RunnerPolicy::new(&spec, Some(&plan), Some(&tenant))
    }

    /// A tenant has no more idle runners than its plan allows, and none while it is suspended or isolates its runs.
    #[test]
    fn the_plan_limits_the_policy() {
        let (requested, plan) = ("{warm: 9, keepAlive: 1h}", "{runners: {warmMax: 2, keepAliveMax: 10m}}");
        let active = "{planRef: {name: x}}";
        let limited = RunnerPolicy { warm: 2, keep_alive: Duration::from_secs(600) };
        assert_eq!(policy(requested, plan, active), limited);
        for none in [
            policy(requested, "{}", active),
            policy(requested, plan, "{planRef: {name: x}, state: Suspended}"),
            policy("{warm: 9, keepAlive: 1h, isolation: PerRun}", plan, active),
        ] {
            assert!(!none.reuses_runners(), "{none:?}");
        }
    }

    /// The status shows the policy that is in force, in the notation in which durations are written.
    #[test]
    fn the_status_shows_the_policy_in_force() {
        for (seconds, shown) in [(0, "0s"), (90, "90s"), (600, "10m"), (7_200, "2h")] {
            let policy = RunnerPolicy { warm: 2, keep_alive: Duration::from_secs(seconds) };
            let status = policy.to_status();
            assert_eq!(status.warm, Some(2));
            assert_eq!(status.keep_alive.map(|length| length.to_string()).as_deref(), Some(shown));
        }
    }
}
