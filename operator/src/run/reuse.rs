//! A run that repeats an earlier one begins with what that one did well.
//!
//! Where the earlier run is in the cluster no more, the api-server puts its outputs in, from the archive.

use crds::{
    WorkflowRun,
    run::{QueueStatus, RunPhase, StepStatus},
    workflow::ErrorKind,
};
use domain::run::reuse;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{decide::End, revisions::Revision, see::Seen};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// How long the api-server has to find a run in its archive.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// What is to be done before a run can be admitted.
pub(super) enum Reused {
    /// Nothing, or it was done.
    Done,
    /// Write this: the steps that are taken over.
    Write(Value),
    /// The earlier run is looked for, until this time.
    Sought(QueueStatus, Timestamp),
    /// There is nothing to repeat.
    Refused(End),
}

/// Decides.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn take_over(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
    now: Timestamp,
) -> Result<Reused, Error> {
    let Some(wanted) = seen.run.spec.reuse.as_ref().filter(|_| seen.status().reused.is_none()) else {
        return Ok(Reused::Done);
    };
    let earlier = api::get(&within::<WorkflowRun>(&ctx.client, &seen.namespace), &wanted.run).await?;
    let Some(earlier) = earlier else {
        let created = seen.run.creation_timestamp().map_or(now, |time| time.0);
        return Ok(not_found(&wanted.run, created, now));
    };
    if let Some(end) = unfit(seen, &earlier) {
        return Ok(Reused::Refused(end));
    }
    let Ok(valid) = &revision.valid else { return Ok(Reused::Done) };
    let steps = earlier.status.as_ref().map_or(&[][..], |status| &status.steps);
    let taken: Vec<StepStatus> = reuse(valid, steps, &wanted.from);
    Ok(Reused::Write(json!({
        "phase": RunPhase::Queued,
        "revision": revision.reference(),
        "queue": null,
        "steps": taken,
        "reused": {"uid": earlier.uid(), "steps": taken.len()},
    })))
}

fn not_found(earlier: &str, created: Timestamp, now: Timestamp) -> Reused {
    let until = created.checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
    if until <= now {
        let message = format!("there is no run {earlier} in this namespace, nor in the archive");
        return Reused::Refused(End::failed(ErrorKind::User, "REUSE_NOT_FOUND", message));
    }
    let message = format!("run {earlier} is looked for in the archive");
    Reused::Sought(QueueStatus { position: None, reason: "EarlierRun".to_owned(), message }, until)
}

/// Why a run cannot be repeated by this one.
fn unfit(seen: &Seen, earlier: &WorkflowRun) -> Option<End> {
    let (name, of) = (earlier.name_any(), &earlier.spec.workflow_ref.name);
    let (code, message) = if *of != seen.run.spec.workflow_ref.name {
        ("REUSE_OTHER_WORKFLOW", format!("run {name} is one of workflow {of}"))
    } else if !earlier.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final) {
        ("REUSE_NOT_FINISHED", format!("run {name} has not ended: wait for it, or cancel it"))
    } else {
        return None;
    };
    Some(End::failed(ErrorKind::User, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A run that repeats one that never was waits for ever; or it fails before the archive was asked.
    #[test]
    fn an_earlier_run_is_looked_for_for_a_minute() {
        let Reused::Sought(queue, until) = not_found("never-was", at(100), at(159)) else {
            panic!("it is given up too early")
        };
        assert_eq!((queue.reason.as_str(), until), ("EarlierRun", at(160)));
        let Reused::Refused(end) = not_found("never-was", at(100), at(160)) else {
            panic!("it is looked for too long")
        };
        let error = end.error.unwrap();
        assert_eq!((end.phase, error.code.as_str()), (RunPhase::Failed, "REUSE_NOT_FOUND"));
        assert!(error.message.contains("never-was"), "{}", error.message);
    }
}
