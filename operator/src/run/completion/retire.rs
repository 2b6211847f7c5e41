//! Retention: finished runs are deleted after their workflow's retention, once they are archived in the database.

use std::{collections::BTreeMap, time::Duration};

use crds::{
    WorkflowRun, conditions, constants::DEFAULT_STORED_RUNS, run::RunPhase, workflow::WorkflowRetention,
};
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use strum::VariantArray as _;

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    watch::Stores,
};

/// Retention of succeeded runs if the workflow specifies none.
const DEFAULT_SUCCEEDED: Duration = Duration::from_secs(60 * 60);
/// Retention of other finished runs if the workflow specifies none.
const DEFAULT_FAILED: Duration = Duration::from_secs(24 * 60 * 60);
/// Number of finished runs that are retained if the workflow specifies none.
const DEFAULT_KEEP: u32 = 100;
/// Maximum number of runs that are deleted in one sweep, for about 5 s. The others are deleted in the next one.
const MAX_DELETIONS: usize = 5_000;
/// Maximum number of concurrent deletions, of about 8 ms each.
const MAX_CONCURRENT_DELETIONS: usize = 8;

/// A finished run with the data that determine its retention.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finished {
    namespace: String,
    name: String,
    uid: String,
    workflow: String,
    succeeded: bool,
    finished_at: Timestamp,
}

/// Deletes the archived runs that are past their retention.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn retire(ctx: &Context, now: Timestamp) -> Result<(), Error> {
    let runs = archived_runs(ctx).await?;
    let mut superfluous = Vec::new();
    for (namespace, runs) in group_by(runs, |run| run.namespace.clone()) {
        let (past, recent) = past_retention_of_workflows(ctx, &namespace, runs, now);
        superfluous.extend(past);
        superfluous.extend(beyond(recent, max_finished(&ctx.stores, &namespace)));
    }
    superfluous.truncate(MAX_DELETIONS);
    let deletions = stream::iter(superfluous).map(|run| delete(ctx, run));
    let results: Vec<_> = deletions.buffer_unordered(MAX_CONCURRENT_DELETIONS).collect().await;
    let deleted = results.iter().filter(|result| result.is_ok()).count();
    if deleted > 0 {
        tracing::info!(deleted, "deleted finished runs past their retention");
    }
    // A run that cannot be deleted does not keep the others from it.
    results.into_iter().collect()
}

async fn delete(ctx: &Context, run: Finished) -> Result<(), Error> {
    let api = within::<WorkflowRun>(&ctx.client, &run.namespace);
    api::delete(&api, &run.name, Some(&run.uid)).await?;
    ctx.metrics.runs_retired.inc();
    Ok(())
}

fn group_by<K: Ord>(runs: Vec<Finished>, key: impl Fn(&Finished) -> K) -> BTreeMap<K, Vec<Finished>> {
    let mut groups: BTreeMap<K, Vec<Finished>> = BTreeMap::new();
    for run in runs {
        groups.entry(key(&run)).or_default().push(run);
    }
    groups
}

/// Splits the runs of a namespace into those that are past the retention of their workflow, and the others.
fn past_retention_of_workflows(
    ctx: &Context,
    namespace: &str,
    runs: Vec<Finished>,
    now: Timestamp,
) -> (Vec<Finished>, Vec<Finished>) {
    let (mut past, mut recent) = (Vec::new(), Vec::new());
    for (workflow, runs) in group_by(runs, |run| run.workflow.clone()) {
        let workflow = ctx.stores.workflows.get(&ObjectRef::new(&workflow).within(namespace));
        let retention = workflow.and_then(|workflow| workflow.spec.retention.clone()).unwrap_or_default();
        let (workflow_past, workflow_recent) = past_retention(runs, &retention, now);
        past.extend(workflow_past);
        recent.extend(workflow_recent);
    }
    (past, recent)
}

/// Returns the number of finished runs that a tenant may have in the cluster: half of its stored runs, so that the other
/// half is available to unfinished ones.
fn max_finished(stores: &Stores, namespace: &str) -> usize {
    let plan = stores.tenant_in(namespace).and_then(|tenant| stores.plan_of(&tenant));
    let limit = plan.and_then(|plan| plan.spec.limits.as_ref()?.stored_runs).unwrap_or(DEFAULT_STORED_RUNS);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}

/// Returns the runs beyond the `max` that finished last.
fn beyond(mut runs: Vec<Finished>, max: usize) -> Vec<Finished> {
    runs.sort_by_key(|run| std::cmp::Reverse(run.finished_at));
    runs.into_iter().skip(max).collect()
}

async fn archived_runs(ctx: &Context) -> Result<Vec<Finished>, Error> {
    let api: Api<WorkflowRun> = Api::all(ctx.client.clone());
    let mut all = Vec::new();
    for phase in RunPhase::VARIANTS.iter().copied().filter(|phase| phase.is_final()) {
        let phase_selector = ListParams::default().fields(&format!("status.phase={phase}"));
        api::for_each(&api, phase_selector, |run| all.extend(finished(run))).await?;
    }
    Ok(all)
}

fn finished(run: &WorkflowRun) -> Option<Finished> {
    let status = run.status.as_ref()?;
    conditions::is_true(&status.conditions, conditions::ARCHIVED).then_some(())?;
    Some(Finished {
        namespace: run.namespace()?,
        name: run.name_any(),
        uid: run.uid()?,
        workflow: run.spec.workflow_ref.name.clone(),
        succeeded: status.phase == Some(RunPhase::Succeeded),
        finished_at: status.finished_at.as_ref()?.0,
    })
}

/// Splits the runs of one workflow into those that are past their retention or exceed the number that is retained, and the
/// others.
fn past_retention(
    mut runs: Vec<Finished>,
    retention: &WorkflowRetention,
    now: Timestamp,
) -> (Vec<Finished>, Vec<Finished>) {
    let WorkflowRetention { succeeded, failed, keep } = retention;
    let length = |written: &Option<crds::Duration>, default| {
        let length = written.as_ref().and_then(|length| length.to_std().ok()).unwrap_or(default);
        SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
    };
    let (succeeded, failed) = (length(succeeded, DEFAULT_SUCCEEDED), length(failed, DEFAULT_FAILED));
    let keep = usize::try_from(keep.unwrap_or(DEFAULT_KEEP)).unwrap_or(usize::MAX);
    runs.sort_by_key(|run| std::cmp::Reverse(run.finished_at));
    let is_past = |(position, run): &(usize, Finished)| {
        let retention = if run.succeeded { succeeded } else { failed };
        *position >= keep || now.duration_since(run.finished_at) >= retention
    };
    let (past, recent): (Vec<_>, Vec<_>) = runs.into_iter().enumerate().partition(is_past);
    let without_position = |runs: Vec<(usize, Finished)>| runs.into_iter().map(|(_, run)| run).collect();
    (without_position(past), without_position(recent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, succeeded: bool, finished_at: i64) -> Finished {
        Finished {
            namespace: "bakery".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            workflow: "intake".to_owned(),
            succeeded,
            finished_at: Timestamp::from_second(finished_at).unwrap(),
        }
    }

    fn names(runs: &[Finished]) -> Vec<&str> {
        runs.iter().map(|run| run.name.as_str()).collect()
    }

    /// Failed runs are retained for longer than succeeded ones, and the number of retained runs is limited.
    #[test]
    fn failed_runs_are_retained_longer_and_the_number_is_limited() {
        let runs = vec![run("good", true, 0), run("bad", false, 0), run("new", true, 3_000)];
        let now = Timestamp::from_second(3_600).unwrap();
        let (past, recent) = past_retention(runs.clone(), &WorkflowRetention::default(), now);
        assert_eq!((names(&past), names(&recent)), (vec!["good"], vec!["new", "bad"]));
        let one = WorkflowRetention { keep: Some(1), ..WorkflowRetention::default() };
        assert_eq!(
            names(&past_retention(runs, &one, Timestamp::from_second(3_001).unwrap()).0),
            ["good", "bad"]
        );
    }

    /// The finished runs of a tenant leave room for unfinished ones: the oldest of them are deleted first.
    #[test]
    fn the_oldest_finished_runs_leave_room_for_unfinished_ones() {
        let runs = vec![run("old", true, 0), run("newest", true, 9), run("newer", false, 5)];
        assert_eq!(names(&beyond(runs.clone(), 2)), ["old"]);
        assert!(beyond(runs, 3).is_empty());
    }
}
