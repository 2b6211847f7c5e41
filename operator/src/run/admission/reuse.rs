//! Reuse: a run that repeats an earlier one copies the steps that succeeded there.
//!
//! If the earlier run was deleted, the api-server writes its outputs into the new run from the archive.

use crds::{
    WorkflowRun,
    run::{QueueStatus, RunPhase, StepStatus},
    workflow::ErrorKind,
};
use domain::run::reusable_steps;
use jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt as _, runtime::controller::Action};
use serde_json::json;

use super::super::{
    apply::{write_queued, write_status},
    decide::End,
    observe::Snapshot,
    stage::{Exit, Stage, requeue_at},
};
use crate::{
    api::{self, within},
    context::Context,
    state::Revision,
};

/// Maximum time to wait for the api-server to find the earlier run in the archive.
const ARCHIVE_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Writes the steps of the earlier run into a run that repeats it, unless that was done already.
///
/// # Errors
/// Returns an exit if the steps were written, if the earlier run is being looked up in the archive or cannot be repeated,
/// or if the API server cannot be reached.
pub(super) async fn take_over_steps(
    ctx: &Context,
    snapshot: &Snapshot,
    revision: &Revision,
    now: Timestamp,
) -> Stage<()> {
    let Some(requested) = snapshot.run.spec.reuse.as_ref().filter(|_| snapshot.status().reused.is_none())
    else {
        return Ok(());
    };
    let runs = within::<WorkflowRun>(&ctx.client, &snapshot.namespace);
    let Some(earlier) = api::get(&runs, &requested.run).await? else {
        let created = snapshot.run.creation_timestamp().map_or(now, |time| time.0);
        let (queue, until) = await_archive(&requested.run, created, now)?;
        write_queued(&ctx.client, snapshot, Some(revision), &queue).await?;
        return Err(Exit::Done(requeue_at(until, now)));
    };
    check_earlier_run(snapshot, &earlier)?;
    let Ok(valid) = &revision.valid else { return Ok(()) };
    let steps = earlier.status.as_ref().map_or(&[][..], |status| &status.steps);
    let reused: Vec<StepStatus> = reusable_steps(valid, steps, &requested.from);
    let patch = json!({
        "phase": RunPhase::Queued,
        "revision": revision.reference(),
        "queue": null,
        "steps": reused,
        "reused": {"uid": earlier.uid(), "steps": reused.len()},
    });
    write_status(&ctx.client, snapshot, patch).await?;
    Err(Exit::Done(Action::await_change()))
}

/// Returns the queue status of a run whose earlier run is being looked up in the archive, and the time until which it
/// waits.
///
/// # Errors
/// Returns the end of a run whose earlier run was not found in time.
fn await_archive(earlier: &str, created: Timestamp, now: Timestamp) -> Result<(QueueStatus, Timestamp), End> {
    let until = created.checked_add(ARCHIVE_TIMEOUT).unwrap_or(Timestamp::MAX);
    if until <= now {
        let message = format!("run {earlier} exists neither in this namespace nor in the archive");
        return Err(End::failed(ErrorKind::User, "REUSE_NOT_FOUND", message));
    }
    let message = format!("run {earlier} is being looked up in the archive");
    Ok((QueueStatus { position: None, reason: "EarlierRun".to_owned(), message }, until))
}

/// Checks that a run can repeat the earlier run.
///
/// # Errors
/// Returns the end of a run that cannot.
fn check_earlier_run(snapshot: &Snapshot, earlier: &WorkflowRun) -> Result<(), End> {
    let (name, workflow) = (earlier.name_any(), &earlier.spec.workflow_ref.name);
    let (code, message) = if *workflow != snapshot.run.spec.workflow_ref.name {
        ("REUSE_OTHER_WORKFLOW", format!("run {name} is a run of another workflow, {workflow}"))
    } else if !earlier.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final) {
        ("REUSE_NOT_FINISHED", format!("run {name} has not finished: wait for it or cancel it"))
    } else {
        return Ok(());
    };
    Err(End::failed(ErrorKind::User, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// A run that repeats a run that does not exist waits for the archive for one minute, then fails.
    #[test]
    fn the_archive_has_one_minute_to_find_the_earlier_run() {
        let (queue, until) = await_archive("never-was", second(100), second(159)).unwrap();
        assert_eq!((queue.reason.as_str(), until), ("EarlierRun", second(160)));
        let end = await_archive("never-was", second(100), second(160)).unwrap_err();
        let error = end.error.unwrap();
        assert_eq!((end.phase, error.code.as_str()), (RunPhase::Failed, "REUSE_NOT_FOUND"));
        assert!(error.message.contains("never-was"), "{}", error.message);
    }
}
