//! Retention: finished runs are deleted after their workflow's retention, once they are archived in the database.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crds::{
    WorkflowRun, conditions,
    constants::{DEFAULT_STORED_RUNS, MAX_INPUT_BYTES},
    run::RunPhase,
    workflow::WorkflowRetention,
};
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use serde_json::Value;
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
/// Retention of runs whose input exceeds the limit, of at most 1.5 MiB each. They were refused without being executed, and those
/// of a tenant would fill etcd: it has 15 MiB of them, apart from those that the next sweep deletes.
const OVERSIZED: Retention =
    Retention { succeeded: SignedDuration::from_mins(10), failed: SignedDuration::from_mins(10), keep: 10 };
/// Maximum number of runs that are deleted in one sweep, for about 5 s. The others are deleted in the next one. Tenants take
/// turns, so that none waits for the runs of another.
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
    /// Whether the input exceeds the limit, so that the run was refused.
    is_oversized: bool,
    finished_at: Timestamp,
}

/// How long finished runs are retained, and how many of them.
#[derive(Clone, Copy, Debug)]
struct Retention {
    succeeded: SignedDuration,
    failed: SignedDuration,
    keep: usize,
}

impl Retention {
    /// Returns the retention that a workflow specifies, with the defaults.
    fn of_workflow(WorkflowRetention { succeeded, failed, keep }: &WorkflowRetention) -> Self {
        let length = |written: &Option<crds::Duration>, default| {
            let length = written.as_ref().and_then(|length| length.to_std().ok()).unwrap_or(default);
            SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
        };
        Self {
            succeeded: length(succeeded, DEFAULT_SUCCEEDED),
            failed: length(failed, DEFAULT_FAILED),
            keep: usize::try_from(keep.unwrap_or(DEFAULT_KEEP)).unwrap_or(usize::MAX),
        }
    }
}

/// Deletes the archived runs that are past their retention.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn retire(ctx: &Context, now: Timestamp) -> Result<(), Error> {
    let runs = archived_runs(ctx).await?;
    let mut by_namespace = Vec::new();
    for (namespace, runs) in group_by(runs, |run| run.namespace.clone()) {
        let (oversized, usual) = runs.into_iter().partition(|run| run.is_oversized);
        let (past_oversized, recent_oversized) = past_retention(oversized, OVERSIZED, now);
        let (past, mut recent) = past_retention_of_workflows(ctx, &namespace, usual, now);
        recent.extend(recent_oversized);
        let beyond = beyond(recent, max_finished(&ctx.stores, &namespace));
        by_namespace.push(past_oversized.into_iter().chain(past).chain(beyond).collect());
    }
    let deletions = stream::iter(take_turns(by_namespace, MAX_DELETIONS)).map(|run| delete(ctx, run));
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
        let (workflow_past, workflow_recent) = past_retention(runs, Retention::of_workflow(&retention), now);
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

/// Returns at most `max` runs, one of each namespace in turn.
fn take_turns(by_namespace: Vec<Vec<Finished>>, max: usize) -> Vec<Finished> {
    let mut waiting: VecDeque<_> = by_namespace.into_iter().map(Vec::into_iter).collect();
    let mut selected = Vec::new();
    while selected.len() < max
        && let Some(mut runs) = waiting.pop_front()
    {
        if let Some(run) = runs.next() {
            selected.push(run);
            waiting.push_back(runs);
        }
    }
    selected
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
        is_oversized: input_bytes(run) > MAX_INPUT_BYTES,
        finished_at: status.finished_at.as_ref()?.0,
    })
}

/// Returns the size of a run's input in bytes of JSON text, which the operator's client reads in place of the input.
fn input_bytes(run: &WorkflowRun) -> usize {
    let bytes = run.spec.input.as_ref().and_then(Value::as_u64).unwrap_or(0);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Splits runs into those that are past their retention or exceed the number that is retained, and the
/// others.
fn past_retention(
    mut runs: Vec<Finished>,
    Retention { succeeded, failed, keep }: Retention,
    now: Timestamp,
) -> (Vec<Finished>, Vec<Finished>) {
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
    use serde_json::json;

    use super::*;

    fn run(name: &str, succeeded: bool, finished_at: i64) -> Finished {
        Finished {
            namespace: "bakery".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            workflow: "intake".to_owned(),
            succeeded,
            is_oversized: false,
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
        let (past, recent) =
            past_retention(runs.clone(), Retention::of_workflow(&WorkflowRetention::default()), now);
        assert_eq!((names(&past), names(&recent)), (vec!["good"], vec!["new", "bad"]));
        let one =
            Retention::of_workflow(&WorkflowRetention { keep: Some(1), ..WorkflowRetention::default() });
        assert_eq!(
            names(&past_retention(runs, one, Timestamp::from_second(3_001).unwrap()).0),
            ["good", "bad"]
        );
    }

    /// A run whose input exceeds the limit is recognized by the number of bytes, and only the last ten are retained, for a short
    /// time.
    #[test]
    fn runs_that_were_refused_for_their_size_are_deleted_soon() {
        let with_input = |bytes: usize| {
            let archived = json!({"type": "Archived", "status": "True", "reason": "Archived", "message": "",
                "lastTransitionTime": "2026-11-24T08:00:00Z"});
            let object = json!({
                "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
                "metadata": {"name": "large", "namespace": "bakery", "uid": "u1"},
                "spec": {"workflowRef": {"name": "intake"}, "input": bytes},
                "status": {"phase": "Failed", "finishedAt": "2026-11-24T08:00:00.000000Z", "conditions": [archived]},
            });
            finished(&serde_json::from_value(object).unwrap()).unwrap()
        };
        assert!(with_input(MAX_INPUT_BYTES + 1).is_oversized && !with_input(MAX_INPUT_BYTES).is_oversized);
        let names_of: Vec<_> = (0..12).map(|number| format!("run-{number}")).collect();
        let runs: Vec<_> = names_of.iter().zip(0..).map(|(name, at)| run(name, false, at)).collect();
        let (past, _) = past_retention(runs.clone(), OVERSIZED, Timestamp::from_second(12).unwrap());
        assert_eq!(names(&past), ["run-1", "run-0"]);
        let (_, recent) = past_retention(runs, OVERSIZED, Timestamp::from_second(610).unwrap());
        assert_eq!(names(&recent), ["run-11"]);
    }

    /// The finished runs of a tenant leave room for unfinished ones: the oldest of them are deleted first.
    #[test]
    fn the_oldest_finished_runs_leave_room_for_unfinished_ones() {
        let runs = vec![run("old", true, 0), run("newest", true, 9), run("newer", false, 5)];
        assert_eq!(names(&beyond(runs.clone(), 2)), ["old"]);
        assert!(beyond(runs, 3).is_empty());
    }

    /// A tenant with more runs than a sweep deletes takes nothing from another one, and uses what others leave.
    #[test]
    fn tenants_take_turns_in_a_sweep() {
        let of = |tenant: &str, count: usize| -> Vec<Finished> {
            (0..count).map(|number| run(&format!("{tenant}-{number}"), true, 0)).collect()
        };
        let runs = take_turns(vec![of("acme", 1_000), of("bakery", 0), of("globex", 2)], 6);
        assert_eq!(names(&runs), ["acme-0", "globex-0", "acme-1", "globex-1", "acme-2", "acme-3"]);
        assert_eq!(take_turns(vec![of("acme", 2)], 6).len(), 2);
    }
}
