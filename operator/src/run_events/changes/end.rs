//! The Event about the end of a run.

use crds::{WorkflowRun, run::RunPhase};
use domain::run::log_location;
use kube::ResourceExt as _;

use super::text;
use crate::events::NewEvent;

/// Returns the Event about the end of a run, which says where the log of the run is, or `None` if the run is unfinished.
pub(in crate::run_events) fn end(run: &WorkflowRun) -> Option<NewEvent> {
    let status = run.status.as_ref()?;
    let phase = status.phase?;
    let error = status.error.as_ref().map(|error| {
        let step = error.step.as_ref().map(|step| format!("step {step}: ")).unwrap_or_default();
        format!("{step}{}", text::error(&error.code, &error.message))
    });
    let default = match phase {
        RunPhase::Cancelled if status.started_at.is_none() => "cancelled before it began",
        _ => "no error was recorded",
    };
    let error = error.unwrap_or_else(|| default.to_owned());
    let event = match phase {
        RunPhase::Queued | RunPhase::Running | RunPhase::Suspended => return None,
        RunPhase::Succeeded => {
            let duration = status.duration.as_ref().map(|duration| format!(" after {duration}"));
            NewEvent::normal("End", "RunSucceeded", format!("succeeded{}", duration.unwrap_or_default()))
        }
        RunPhase::Failed => NewEvent::warning("End", "RunFailed", error),
        RunPhase::Cancelled => NewEvent::normal("End", "RunCancelled", error),
        RunPhase::TimedOut => NewEvent::warning("End", "RunTimedOut", error),
    };
    // A run that no pod executed has no log.
    let log = status.started_at.as_ref().map(|_| format!("; log: {}", log_location(&run.name_any())));
    Some(event.followed_by(&log.unwrap_or_default()).once())
}
