//! Wait steps: a step that ends after a duration or at a time.

use std::time::Duration;

use crds::constants::MAX_WAIT_SECONDS;
use crds::workflow::WaitAction;

use crate::expr::Program;
use crate::workflow::problems::Problems;
use crate::workflow::scope::Scope;

const MAX_WAIT: Duration = Duration::from_secs(MAX_WAIT_SECONDS);

/// A wait step that was parsed.
#[derive(Clone, Debug)]
pub enum Wait {
    /// Waits for a duration from the start of the step.
    For(Duration),
    /// Waits until the time that the expression evaluates to.
    Until(Box<Program>),
}

/// Parses a wait; returns `None` if it has a problem.
pub(super) fn parse(
    path: &str,
    spec: &WaitAction,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Wait> {
    match (&spec.duration, &spec.until) {
        (Some(duration), None) => {
            let path = format!("{path}.for");
            let duration = problems.duration(&path, Some(duration))?;
            check_length(&path, duration, problems);
            Some(Wait::For(duration))
        }
        (None, Some(until)) => problems
            .program(&format!("{path}.until"), until, scope)
            .map(|program| Wait::Until(Box::new(program))),
        _ => {
            problems.add(
                path,
                "WaitInvalid",
                "set exactly one of for, a duration such as 10m, and until, an expression that gives a time",
            );
            None
        }
    }
}

/// Adds a problem if a wait, or the timeout of an approval, is longer than 90 days.
pub(super) fn check_length(path: &str, duration: Duration, problems: &mut Problems) {
    if duration > MAX_WAIT {
        let days = MAX_WAIT_SECONDS / 86_400;
        problems.add(
            path,
            "WaitTooLong",
            format!("the duration is longer than the limit of {days} days: write at most {days}d"),
        );
    }
}
