//! Limits of a tenant's unfinished runs, for a new run. The api-server checks them too, before it creates a run.

use crds::{WorkflowRun, workflow::ErrorKind};
use domain::admission::{UnfinishedRuns, UnfinishedRunsExceeded};
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
    let unfinished = unfinished_before(&snapshot.run, others.iter().map(AsRef::as_ref));
    let plan_name = plan.map(|plan| plan.name_any()).unwrap_or_default();
    unfinished.check(&limits, &plan_name).map_err(|exceeded| end(&exceeded))
}

fn end(exceeded: &UnfinishedRunsExceeded) -> End {
    let message = exceeded.to_string();
    match exceeded {
        UnfinishedRunsExceeded::Runs { .. } => {
            End::failed(ErrorKind::Policy, "UNFINISHED_RUNS_LIMIT", message)
        }
        UnfinishedRunsExceeded::Inputs { .. } => {
            End::failed(ErrorKind::Policy, "STORED_INPUT_LIMIT", message)
        }
    }
}

/// Returns the unfinished runs that take precedence over a new run: those that are pinned, and older ones.
fn unfinished_before<'a>(run: &WorkflowRun, others: impl Iterator<Item = &'a WorkflowRun>) -> UnfinishedRuns {
    let age = |run: &WorkflowRun| (run.creation_timestamp(), run.uid());
    let own = age(run);
    let precedes = |other: &&WorkflowRun| other.uid() != run.uid() && (is_pinned(other) || age(other) < own);
    let new = UnfinishedRuns { new_input_bytes: input_bytes(run), ..UnfinishedRuns::default() };
    others.filter(precedes).fold(new, |unfinished, other| UnfinishedRuns {
        runs: unfinished.runs.saturating_add(1),
        input_bytes: unfinished.input_bytes.saturating_add(input_bytes(other)),
        ..unfinished
    })
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
    use crds::{WorkflowRunSpec, WorkflowRunStatus, workflow::RevisionRef};
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
        let expected = UnfinishedRuns { runs: 2, input_bytes: 110, new_input_bytes: 1 };
        assert_eq!(unfinished_before(&runs[2], runs.iter()), expected);
    }
}
