//! Superseding: under the concurrency policy `CancelOlder`, the newest runs of a group replace the older ones.

use std::sync::Arc;

use crds::{
    WorkflowRun,
    run::Cancel,
    workflow::{ConcurrencyPolicy, ErrorKind},
};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde_json::json;

use super::{
    super::{apply::write_status_of_run, decide::End, observe::Snapshot, stage::Stage, status},
    concurrency::group,
};
use crate::{
    context::Context,
    errors::Error,
    run_lifecycle::{has_started, is_suspended},
    state::Revision,
};

/// Cancels the runs of the run's group that are older than the newest ones, up to the concurrency limit.
///
/// # Errors
/// Returns an exit if the run itself is superseded, if another client has written one of the runs meanwhile, or if the
/// API server cannot be reached.
pub(super) async fn supersede_older(
    ctx: &Context,
    snapshot: &Snapshot,
    revision: &Revision,
    now: Timestamp,
) -> Stage<()> {
    let Some(concurrency) = &revision.spec.concurrency else { return Ok(()) };
    if concurrency.policy != Some(ConcurrencyPolicy::CancelOlder) {
        return Ok(());
    }
    let Some(own) = group(&snapshot.run) else { return Ok(()) };
    let is_of_group = |run: &WorkflowRun| {
        run.namespace().as_deref() == Some(&snapshot.namespace)
            && !is_suspended(run)
            && group(run).is_some_and(|group| group.key == own.key)
    };
    let members = ctx.stores.runs.state_filter(is_of_group);
    let mut outcome = Ok(());
    for run in superseded(members, concurrency.limit) {
        if run.uid() == snapshot.run.uid() {
            outcome?;
            return if snapshot.has_started() { Ok(()) } else { Err(superseded_end().into()) };
        }
        // A run that cannot be cancelled does not keep the others from it.
        outcome = outcome.and(cancel(ctx, &run, now).await);
    }
    Ok(outcome?)
}

/// Returns all runs of a group but the newest `limit` and those that are being cancelled already.
fn superseded(mut group: Vec<Arc<WorkflowRun>>, limit: u32) -> Vec<Arc<WorkflowRun>> {
    group.sort_by_key(|run| std::cmp::Reverse((run.creation_timestamp(), run.name_any())));
    let older = group.into_iter().skip(usize::try_from(limit).unwrap_or(usize::MAX));
    older.filter(|run| !is_being_cancelled(run)).collect()
}

fn is_being_cancelled(run: &WorkflowRun) -> bool {
    run.spec.cancel.is_some() || run.status.as_ref().is_some_and(|status| status.cancel_requested.is_some())
}

fn superseded_end() -> End {
    let message =
        "a newer run of the same concurrency group replaced this one: spec.concurrency.policy is CancelOlder";
    End::cancelled(ErrorKind::Policy, "SUPERSEDED", message)
}

/// Cancels a superseded run. One that has started is ended by its runner, so that its `onExit` steps run.
async fn cancel(ctx: &Context, run: &WorkflowRun, now: Timestamp) -> Result<(), Error> {
    let patch = if has_started(run) {
        json!({"cancelRequested": Cancel::Now})
    } else {
        status::ended(run, &superseded_end(), now)
    };
    write_status_of_run(&ctx.client, run, patch).await?;
    tracing::info!(run.name = run.name_any(), run.id = run.uid(), "a run was superseded by a newer one");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, second: u32, rest: &str) -> Arc<WorkflowRun> {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: WorkflowRun, metadata: {{name: {name}, \
             creationTimestamp: '2026-11-24T08:00:{second:02}Z'}}, spec: {{workflowRef: {{name: intake}}{rest}}}}}"
        );
        Arc::new(serde_yaml::from_str(&text).unwrap())
    }

    /// The newest runs of a group continue, and the older ones are cancelled once.
    #[test]
    fn the_newest_runs_supersede_the_older_ones() {
        let group = vec![
            run("new", 9, ""),
            run("old", 1, ""),
            run("middle", 5, ""),
            run("cancelled", 2, ", cancel: Now"),
        ];
        let names: Vec<_> = superseded(group, 1).iter().map(|run| run.name_any()).collect();
        assert_eq!(names, ["middle", "old"]);
    }
}
