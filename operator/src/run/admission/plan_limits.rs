//! Limits of a tenant's unfinished runs: their number, and the size of their inputs, which etcd stores again with each write of
//! their status.

use crds::{WorkflowRun, constants::DEFAULT_STORED_INPUT_BYTES, plan::PlanLimits, workflow::ErrorKind};
use kube::ResourceExt as _;
use serde_json::Value;

use super::super::{decide::End, observe::Snapshot};
use crate::watch::Stores;

/// Checks that the plan permits another unfinished run with the input of this one. A run that is pinned to a revision was
/// checked before.
///
/// # Errors
/// Returns the end of a run that exceeds a limit.
pub(super) fn check(stores: &Stores, snapshot: &Snapshot) -> Result<(), End> {
    if is_pinned(&snapshot.run) {
        return Ok(());
    }
    let plan = snapshot.tenant.as_ref().and_then(|tenant| stores.plan_of(tenant));
    let limits = plan.as_ref().and_then(|plan| plan.spec.limits.clone()).unwrap_or_default();
    let others = stores.runs_in(&snapshot.namespace);
    let usage = Usage::before(&snapshot.run, others.iter().map(AsRef::as_ref));
    usage.check(&limits, &plan.map(|plan| plan.name_any()).unwrap_or_default())
}

/// Unfinished runs that take precedence over a new run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    runs: u32,
    /// Size of their inputs, in bytes.
    bytes: u64,
    /// Size of the input of the new run, in bytes.
    own_bytes: u64,
}

impl Usage {
    /// Returns the runs that take precedence over a new run: those that are pinned, and older ones.
    fn before<'a>(run: &WorkflowRun, others: impl Iterator<Item = &'a WorkflowRun>) -> Self {
        let age = |run: &WorkflowRun| (run.creation_timestamp(), run.uid());
        let own = age(run);
        let precedes =
            |other: &&WorkflowRun| other.uid() != run.uid() && (is_pinned(other) || age(other) < own);
        let new = Self { own_bytes: input_bytes(run), ..Self::default() };
        others.filter(precedes).fold(new, |usage, other| Self {
            runs: usage.runs.saturating_add(1),
            bytes: usage.bytes.saturating_add(input_bytes(other)),
            ..usage
        })
    }

    fn check(self, limits: &PlanLimits, plan: &str) -> Result<(), End> {
        let Self { runs, bytes, own_bytes } = self;
        if let Some(limit) = limits.unfinished_runs.filter(|limit| runs >= *limit) {
            let message = format!(
                "the tenant has {runs} unfinished runs already, and plan {plan} allows {limit} (unfinishedRuns): wait until \
                 some have ended, or cancel them"
            );
            return Err(End::failed(ErrorKind::Policy, "UNFINISHED_RUNS_LIMIT", message));
        }
        let (total, limit) = (bytes.saturating_add(own_bytes), max_input_bytes(limits));
        // A run with an empty input is permitted, so that the limit of one kind of run does not stop all others.
        if total > limit && own_bytes > 0 {
            let message = format!(
                "the inputs of the tenant's unfinished runs have {total} bytes with this one of {own_bytes} bytes, and plan \
                 {plan} allows {limit} (storedInputBytes): wait until some have ended, cancel them, or use smaller inputs"
            );
            return Err(End::failed(ErrorKind::Policy, "STORED_INPUT_LIMIT", message));
        }
        Ok(())
    }
}

fn max_input_bytes(limits: &PlanLimits) -> u64 {
    let limit = limits.stored_input_bytes.as_ref().and_then(|limit| limit.to_milli().ok());
    limit.map_or(DEFAULT_STORED_INPUT_BYTES, |milli| u64::try_from(milli / 1_000).unwrap_or(u64::MAX))
}

fn is_pinned(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| status.revision.is_some())
}

/// Returns the size of a run's input in bytes of JSON text, which the operator's client reads in place of the input.
fn input_bytes(run: &WorkflowRun) -> u64 {
    run.spec.input.as_ref().and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crds::{Quantity, WorkflowRunSpec, WorkflowRunStatus, workflow::RevisionRef};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;

    fn run(name: &str, created_at: i64, bytes: u64, is_pinned: bool) -> WorkflowRun {
        let spec = WorkflowRunSpec { input: Some(json!(bytes)), ..WorkflowRunSpec::default() };
        let mut run = WorkflowRun::new(name, spec);
        run.metadata.uid = Some(name.to_owned());
        run.metadata.creation_timestamp = Some(Time(jiff::Timestamp::from_second(created_at).unwrap()));
        let revision = RevisionRef { name: "intake-1".to_owned(), generation: None };
        run.status =
            is_pinned.then(|| WorkflowRunStatus { revision: Some(revision), ..WorkflowRunStatus::default() });
        run
    }

    /// Pinned runs and older ones count, so that of runs that are created together as many are accepted as fit.
    #[test]
    fn pinned_and_older_runs_count() {
        let runs = [
            run("pinned-later", 9, 100, true),
            run("older", 1, 10, false),
            run("new", 5, 1, false),
            run("newer", 6, 1_000, false),
        ];
        assert_eq!(Usage::before(&runs[2], runs.iter()), Usage { runs: 2, bytes: 110, own_bytes: 1 });
    }

    /// A run beyond a limit ends with a policy error that gives both numbers.
    #[test]
    fn a_run_beyond_a_limit_ends_with_both_numbers() {
        let code = |usage: Usage, limits: &PlanLimits| {
            let error = usage.check(limits, "starter").err()?.error?;
            assert!(error.kind == ErrorKind::Policy && error.message.contains("starter"), "{error:?}");
            Some((error.code, error.message))
        };
        let limits = PlanLimits {
            unfinished_runs: Some(2),
            stored_input_bytes: Some(Quantity::new("1Ki")),
            ..PlanLimits::default()
        };
        let usage = |runs, bytes, own_bytes| Usage { runs, bytes, own_bytes };
        assert_eq!(code(usage(1, 1_000, 24), &limits), None);
        let (too_many, message) = code(usage(2, 0, 0), &limits).unwrap();
        assert_eq!(too_many, "UNFINISHED_RUNS_LIMIT");
        assert!(message.contains("has 2 unfinished") && message.contains("allows 2"), "{message}");
        let (too_large, message) = code(usage(1, 1_000, 25), &limits).unwrap();
        assert_eq!(too_large, "STORED_INPUT_LIMIT");
        assert!(message.contains("1025 bytes") && message.contains("1024"), "{message}");
        let none = PlanLimits::default();
        assert_eq!(code(usage(100_000, DEFAULT_STORED_INPUT_BYTES, 0), &none), None);
        assert!(code(usage(1, DEFAULT_STORED_INPUT_BYTES, 1), &none).is_some());
    }
}
