//! Events about attempts of steps that have failed.

use crds::run::{StepPhase, StepStatus};

use super::text;
use crate::events::NewEvent;

/// Returns an Event about the failure of a step or of one of its attempts.
pub(super) fn failed(before: &StepStatus, now: &StepStatus) -> Option<NewEvent> {
    let StepStatus { name, error: Some(error), .. } = now else { return None };
    let error = text::error(&error.code, &error.message);
    let warning = |reason, message| Some(NewEvent::warning("Execute", reason, message));
    if now.phase == StepPhase::Failed {
        let attempt = match now.attempt.unwrap_or(0) {
            0 => String::new(),
            attempt => format!(" in attempt {attempt}"),
        };
        let message = format!("step {name} failed{attempt}: {error}");
        return if before.phase == StepPhase::Failed { None } else { warning("StepFailed", message) };
    }
    let failed = failed_attempts(now);
    if failed > failed_attempts(before) {
        return warning(
            "AttemptFailed",
            format!("attempt {failed} of step {name} failed: {error}{}", next(now)),
        );
    }
    if now.not_started.is_some() && before.not_started.is_none() {
        let message = format!("step {name} could not be started: {error}{}", next(now));
        return warning("AttemptNotStarted", message);
    }
    None
}

/// Returns the number of the last attempt that failed, or 0 if none did.
fn failed_attempts(step: &StepStatus) -> u32 {
    let attempt = step.attempt.unwrap_or(0);
    match (step.phase, &step.error) {
        (_, None) | (StepPhase::Cancelled | StepPhase::Skipped, _) => 0,
        (StepPhase::Pending | StepPhase::Failed, _) => attempt,
        // The error is that of the attempt before the current one.
        (StepPhase::Running | StepPhase::Suspended | StepPhase::Succeeded, _) => attempt.saturating_sub(1),
    }
}

fn next(step: &StepStatus) -> String {
    let next = step.next_at.as_ref().filter(|_| step.phase == StepPhase::Pending);
    next.map(|at| format!("; the next attempt starts at {}", text::time(at))).unwrap_or_default()
}
