//! Retention: finished runs are deleted after their workflow's retention, once they are archived in the database.

use std::{collections::BTreeMap, time::Duration};

use crds::{WorkflowRun, conditions, run::RunPhase, workflow::WorkflowRetention};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use strum::VariantArray as _;

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// Retention of succeeded runs if the workflow specifies none.
const DEFAULT_SUCCEEDED: Duration = Duration::from_secs(60 * 60);
/// Retention of other finished runs if the workflow specifies none.
const DEFAULT_FAILED: Duration = Duration::from_secs(24 * 60 * 60);
/// Number of finished runs that are retained if the workflow specifies none.
const DEFAULT_KEEP: u32 = 100;
/// Maximum number of runs that are deleted in one sweep. The others are deleted in the next one.
const MAX_DELETIONS: usize = 500;

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
    let mut by_workflow: BTreeMap<(String, String), Vec<Finished>> = BTreeMap::new();
    for run in archived_runs(ctx).await? {
        by_workflow.entry((run.namespace.clone(), run.workflow.clone())).or_default().push(run);
    }
    let all = by_workflow.into_iter().flat_map(|((namespace, workflow), runs)| {
        let workflow = ctx.stores.workflows.get(&ObjectRef::new(&workflow).within(&namespace));
        let retention = workflow.and_then(|workflow| workflow.spec.retention.clone()).unwrap_or_default();
        past_retention(runs, &retention, now)
    });
    let (mut deleted, mut outcome) = (0_u64, Ok(()));
    let batch: Vec<Finished> = all.take(MAX_DELETIONS).collect();
    for run in batch {
        let api = within::<WorkflowRun>(&ctx.client, &run.namespace);
        let result = api::delete(&api, &run.name, Some(&run.uid)).await;
        if result.is_ok() {
            ctx.metrics.runs_retired.inc();
            deleted += 1;
        }
        // A run that cannot be deleted does not keep the others from it.
        outcome = outcome.and(result);
    }
    if deleted > 0 {
        tracing::info!(deleted, "deleted finished runs past their retention");
    }
    outcome
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

/// Returns the runs of one workflow that are past their retention, or exceed the number that is retained.
fn past_retention(mut runs: Vec<Finished>, retention: &WorkflowRetention, now: Timestamp) -> Vec<Finished> {
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
    runs.into_iter().enumerate().filter(is_past).map(|(_, run)| run).collect()
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
        assert_eq!(names(&past_retention(runs.clone(), &WorkflowRetention::default(), now)), ["good"]);
        let one = WorkflowRetention { keep: Some(1), ..WorkflowRetention::default() };
        assert_eq!(
            names(&past_retention(runs, &one, Timestamp::from_second(3_001).unwrap())),
            ["good", "bad"]
        );
    }
}
