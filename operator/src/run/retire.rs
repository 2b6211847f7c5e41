//! Finished runs are deleted after their workflow's retention, once the database has them.

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

const SUCCEEDED: Duration = Duration::from_secs(60 * 60);
const FAILED: Duration = Duration::from_secs(24 * 60 * 60);
const KEEP: u32 = 100;

/// A finished run, as far as its retention goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finished {
    namespace: String,
    name: String,
    uid: String,
    workflow: String,
    succeeded: bool,
    at: Timestamp,
}

/// Deletes at most so many at a time: the rest has time until the next look.
const BATCH: usize = 500;

/// Deletes those that are due.
///
/// # Errors
/// The API server cannot be asked, or refuses.
pub(super) async fn retire(ctx: &Context, now: Timestamp) -> Result<(), Error> {
    let mut by_workflow: BTreeMap<(String, String), Vec<Finished>> = BTreeMap::new();
    for run in archived(ctx).await? {
        by_workflow.entry((run.namespace.clone(), run.workflow.clone())).or_default().push(run);
    }
    let all = by_workflow.into_iter().flat_map(|((namespace, workflow), runs)| {
        let workflow = ctx.stores.workflows.get(&ObjectRef::new(&workflow).within(&namespace));
        let retention = workflow.and_then(|workflow| workflow.spec.retention.clone()).unwrap_or_default();
        due(runs, &retention, now)
    });
    let mut deleted = 0_u64;
    let batch: Vec<Finished> = all.take(BATCH).collect();
    for run in batch {
        let api = within::<WorkflowRun>(&ctx.client, &run.namespace);
        api::delete(&api, &run.name, Some(&run.uid)).await?;
        ctx.metrics.runs_retired.inc();
        deleted += 1;
    }
    if deleted > 0 {
        tracing::info!(deleted, "finished runs past their retention were deleted");
    }
    Ok(())
}

async fn archived(ctx: &Context) -> Result<Vec<Finished>, Error> {
    let api: Api<WorkflowRun> = Api::all(ctx.client.clone());
    let mut all = Vec::new();
    for phase in RunPhase::VARIANTS.iter().copied().filter(|phase| phase.is_final()) {
        let ended = ListParams::default().fields(&format!("status.phase={phase}"));
        api::each(&api, ended, |run| all.extend(finished(run))).await?;
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
        at: status.finished_at.as_ref()?.0,
    })
}

/// Those of one workflow that are past their time, or beyond the number that is kept.
fn due(mut runs: Vec<Finished>, retention: &WorkflowRetention, now: Timestamp) -> Vec<Finished> {
    let WorkflowRetention { succeeded, failed, keep } = retention;
    let length = |written: &Option<crds::Duration>, default| {
        let length = written.as_ref().and_then(|length| length.to_std().ok()).unwrap_or(default);
        SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
    };
    let (succeeded, failed) = (length(succeeded, SUCCEEDED), length(failed, FAILED));
    let keep = usize::try_from(keep.unwrap_or(KEEP)).unwrap_or(usize::MAX);
    runs.sort_by_key(|run| std::cmp::Reverse(run.at));
    let is_due = |(place, run): &(usize, Finished)| {
        let kept = if run.succeeded { succeeded } else { failed };
        *place >= keep || now.duration_since(run.at) >= kept
    };
    runs.into_iter().enumerate().filter(is_due).map(|(_, run)| run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, succeeded: bool, at: i64) -> Finished {
        Finished {
            namespace: "bakery".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            workflow: "intake".to_owned(),
            succeeded,
            at: Timestamp::from_second(at).unwrap(),
        }
    }

    fn names(due: &[Finished]) -> Vec<&str> {
        due.iter().map(|run| run.name.as_str()).collect()
    }

    /// A failed run is gone before anybody looked at it, or finished runs fill etcd.
    #[test]
    fn failures_stay_longer_and_the_number_is_bounded() {
        let runs = vec![run("good", true, 0), run("bad", false, 0), run("new", true, 3_000)];
        let now = Timestamp::from_second(3_600).unwrap();
        assert_eq!(names(&due(runs.clone(), &WorkflowRetention::default(), now)), ["good"]);
        let one = WorkflowRetention { keep: Some(1), ..WorkflowRetention::default() };
        assert_eq!(names(&due(runs, &one, Timestamp::from_second(3_001).unwrap())), ["good", "bad"]);
    }
}
