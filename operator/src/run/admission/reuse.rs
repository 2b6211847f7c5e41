//! Reuse: a run that repeats an earlier one copies the steps that succeeded there.
//!
//! If the earlier run was deleted, the api-server writes its outputs into the new run from the archive, or reports that
//! the archive does not contain it.

use crds::{
    WorkflowRun,
    run::{QueueReason, QueueStatus, ReuseFrom, RunPhase, StepStatus},
    workflow::ErrorKind,
};
use domain::{
    run::{reusable_steps, unknown_steps},
    workflow::ValidWorkflow,
};
use jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt as _, runtime::controller::Action};
use serde_json::json;

use super::super::{
    apply::{write_queued, write_status},
    decide::End,
    observe::Snapshot,
    stage::{Exit, Stage, requeue_at},
};
use crate::{context::Context, state::Revision};

/// Maximum time to wait for the api-server to find the earlier run in the archive.
const ARCHIVE_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// Maximum number of unknown steps that an error names.
const MAX_NAMED_STEPS: usize = 5;

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
    let Some(requested) = snapshot.run.spec.reuse.as_ref() else { return Ok(()) };
    let Ok(valid) = &revision.valid else { return Ok(()) };
    check_steps(valid, &requested.from)?;
    let status = snapshot.status();
    if status.reused.is_some() {
        return Ok(());
    }
    let Some(earlier) = ctx.full.run_steps(&snapshot.namespace, &requested.run).await? else {
        let created = snapshot.run.creation_timestamp().map_or(now, |time| time.0);
        let (queue, until) = await_archive(&requested.run, status.queue.as_ref(), created, now)?;
        write_queued(&ctx.client, snapshot, Some(revision), &queue).await?;
        return Err(Exit::Done(requeue_at(until, now)));
    };
    check_earlier_run(snapshot, &earlier)?;
    let steps = earlier.status.as_ref().map_or(&[][..], |status| &status.steps);
    let reused: Vec<StepStatus> = reusable_steps(valid, steps, &requested.from);
    let patch = json!({
        "phase": RunPhase::Queued,
        "revision": revision.reference(),
        "queue": null,
        "steps": reused,
        "reused": {"uid": earlier.uid(), "steps": reused.len()},
    });
    drop(earlier);
    write_status(&ctx.client, snapshot, patch).await?;
    Err(Exit::Done(Action::await_change()))
}

/// Returns the queue status of a run whose earlier run is being looked up in the archive, and the time until which it
/// waits.
///
/// # Errors
/// Returns the end of a run whose earlier run the api-server has reported as not found, or has not found in time.
fn await_archive(
    earlier: &str,
    queue: Option<&QueueStatus>,
    created: Timestamp,
    now: Timestamp,
) -> Result<(QueueStatus, Timestamp), End> {
    let until = created.checked_add(ARCHIVE_TIMEOUT).unwrap_or(Timestamp::MAX);
    if until <= now || queue.is_some_and(|queue| queue.has_reason(QueueReason::EarlierRunNotFound)) {
        let message = format!("run {earlier} exists neither in this namespace nor in the archive");
        return Err(End::failed(ErrorKind::User, "REUSE_NOT_FOUND", message));
    }
    let message = format!("the api-server looks up run {earlier} in the archive, for up to one minute");
    Ok((QueueStatus::new(QueueReason::EarlierRun, message), until))
}

/// Checks that all steps to execute again exist.
///
/// # Errors
/// Returns the end of a run that names other steps.
fn check_steps(workflow: &ValidWorkflow, from: &ReuseFrom) -> Result<(), End> {
    let unknown = unknown_steps(workflow, from);
    if unknown.is_empty() {
        return Ok(());
    }
    let named = unknown.iter().take(MAX_NAMED_STEPS).map(|name| name.chars().take(63).collect::<String>());
    let named: Vec<String> = named.collect();
    let known: Vec<&str> = workflow.steps().iter().map(|step| step.name.as_str()).collect();
    let message = format!(
        "spec.reuse.from names {}, which the workflow does not have: use names of its steps ({})",
        named.join(", "),
        known.join(", ")
    );
    Err(End::failed(ErrorKind::User, "REUSE_UNKNOWN_STEP", message))
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
    use domain::workflow::ValidationContext;

    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// A run that repeats a run that does not exist waits for the archive for one minute, then fails.
    #[test]
    fn the_archive_has_one_minute_to_find_the_earlier_run() {
        let (queue, until) = await_archive("never-was", None, second(100), second(159)).unwrap();
        assert_eq!((queue.reason.as_str(), until), ("EarlierRun", second(160)));
        let end = await_archive("never-was", Some(&queue), second(100), second(160)).unwrap_err();
        let error = end.error.unwrap();
        assert_eq!((end.phase, error.code.as_str()), (RunPhase::Failed, "REUSE_NOT_FOUND"));
        assert!(error.message.contains("never-was"), "{}", error.message);
    }

    /// A run fails as soon as the api-server reports that the earlier run does not exist.
    #[test]
    fn the_answer_of_the_archive_ends_the_wait() {
        let queue = QueueStatus::new(QueueReason::EarlierRunNotFound, "");
        let end = await_archive("never-was", Some(&queue), second(100), second(101)).unwrap_err();
        assert_eq!(end.error.unwrap().code, "REUSE_NOT_FOUND");
    }

    /// A misspelled step fails the run with the names of the steps, instead of reusing all outputs.
    #[test]
    fn a_misspelled_step_fails_the_run() {
        let spec =
            serde_yaml::from_str("steps: [{name: agree, expr: {value: 1}}, {name: pay, expr: {value: 2}}]");
        let workflow = domain::workflow::validate(&spec.unwrap(), &ValidationContext::default()).unwrap();
        assert!(check_steps(&workflow, &ReuseFrom::Steps(vec!["agree".to_owned()])).is_ok());
        let end = check_steps(&workflow, &ReuseFrom::Steps(vec!["agre".to_owned()])).unwrap_err();
        let error = end.error.unwrap();
        assert_eq!((end.phase, error.code.as_str()), (RunPhase::Failed, "REUSE_UNKNOWN_STEP"));
        assert!(
            error.message.contains("names agre,") && error.message.contains("(agree, pay)"),
            "{}",
            error.message
        );
    }
}
