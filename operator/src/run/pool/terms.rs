//! How runners of a workflow are kept, by the workflow and its plan. Pure.

use std::time::Duration;

use crds::{
    Plan, Tenant, WorkflowSpec,
    tenant::TenantState,
    workflow::{Isolation, WorkflowRunners, WorkflowState},
};

/// How runners are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How many are ready before there is a run.
    pub(crate) warm: u32,
    /// How long one stays after its run.
    pub(crate) keep_alive: Duration,
}

impl Terms {
    /// What the workflow wants, as far as its plan grants it; nothing while no run may start.
    pub(crate) fn of(spec: &WorkflowSpec, plan: Option<&Plan>, tenant: Option<&Tenant>) -> Self {
        let Some(wanted) = &spec.runners else { return Self::default() };
        let active = |tenant: &Tenant| {
            tenant.spec.state.unwrap_or_default() == TenantState::Active
                && tenant.metadata.deletion_timestamp.is_none()
        };
        let rests = spec.state == Some(WorkflowState::Archived) || !tenant.is_some_and(active);
        if rests || wanted.isolation == Some(Isolation::PerRun) {
            return Self::default();
        }
        let granted = plan.and_then(|plan| plan.spec.runners.clone()).unwrap_or_default();
        let length = |length: &Option<crds::Duration>| {
            length.as_ref().and_then(|length| length.to_std().ok()).unwrap_or_default()
        };
        Self {
            warm: wanted.warm.unwrap_or(0).min(granted.warm_max.unwrap_or(0)),
            keep_alive: length(&wanted.keep_alive).min(length(&granted.keep_alive_max)),
        }
    }

    /// The same for people, in the largest unit that has no remainder.
    pub(crate) fn shown(self) -> WorkflowRunners {
        let seconds = self.keep_alive.as_secs();
        let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
        let unit = units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
        let (unit, name) = unit.unwrap_or((1, "s"));
        let keep_alive = format!("{}{name}", seconds / unit).parse().ok();
        WorkflowRunners { warm: Some(self.warm), keep_alive, isolation: None }
    }

    /// Whether runs of it share pods at all.
    pub(crate) fn stay(self) -> bool {
        self.warm > 0 || !self.keep_alive.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(runners: &str, plan: &str, tenant: &str) -> Terms {
        let spec = serde_yaml::from_str(&format!("{{steps: [], runners: {runners}}}")).unwrap();
        let text = |kind: &str, spec: &str| {
            format!(
                "{{apiVersion: smbcopilot.dev/v1alpha1, kind: {kind}, metadata: {{name: x}}, spec: {spec}}}"
            )
        };
        let plan: Plan = serde_yaml::from_str(&text("Plan", plan)).unwrap();
        let tenant: Tenant = serde_yaml::from_str(&text("Tenant", tenant)).unwrap();
        Terms::of(&spec, Some(&plan), Some(&tenant))
    }

    /// A tenant keeps more pods than it pays for, or keeps them while it is suspended.
    #[test]
    fn the_plan_is_the_bound() {
        let (wants, plan) = ("{warm: 9, keepAlive: 1h}", "{runners: {warmMax: 2, keepAliveMax: 10m}}");
        let active = "{planRef: {name: x}}";
        let granted = Terms { warm: 2, keep_alive: Duration::from_secs(600) };
        assert_eq!(terms(wants, plan, active), granted);
        for none in [
            terms(wants, "{}", active),
            terms(wants, plan, "{planRef: {name: x}, state: Suspended}"),
            terms("{warm: 9, keepAlive: 1h, isolation: PerRun}", plan, active),
        ] {
            assert!(!none.stay(), "{none:?}");
        }
    }

    /// A wish that the plan cuts is cut in silence.
    #[test]
    fn what_is_granted_is_shown_as_people_write_it() {
        for (seconds, shown) in [(0, "0s"), (90, "90s"), (600, "10m"), (7_200, "2h")] {
            let terms = Terms { warm: 2, keep_alive: Duration::from_secs(seconds) };
            let granted = terms.shown();
            assert_eq!(granted.warm, Some(2));
            assert_eq!(granted.keep_alive.map(|length| length.to_string()).as_deref(), Some(shown));
        }
    }
}
