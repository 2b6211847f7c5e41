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
pub struct Wait {
    /// End of the wait.
    pub(crate) end: WaitEnd,
    /// Step whose end ends the wait early.
    pub(crate) until_step: Option<String>,
}

/// End of a wait.
#[derive(Clone, Debug)]
pub(crate) enum WaitEnd {
    /// A duration after the start of the step.
    After(Duration),
    /// The time that the expression evaluates to.
    At(Box<Program>),
}

/// Parses a wait; returns `None` if it has a problem.
pub(super) fn parse(
    path: &str,
    spec: &WaitAction,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Wait> {
    let WaitAction { duration, until, until_step } = spec;
    if let Some((code, message)) = until_step.as_ref().and_then(|step| scope.violation_of_concurrent(step)) {
        problems.add(format!("{path}.untilStep"), code, message);
    }
    let end = match (duration, until) {
        (Some(duration), None) => {
            let path = format!("{path}.for");
            let duration = problems.duration(&path, Some(duration))?;
            check_length(&path, duration, problems);
            WaitEnd::After(duration)
        }
        (None, Some(until)) => {
            WaitEnd::At(Box::new(problems.program(&format!("{path}.until"), until, scope)?))
        }
        _ => {
            problems.add(
                path,
                "WaitInvalid",
                "set exactly one of for, a duration such as 10m, and until, an expression that gives a time",
            );
            return None;
        }
    };
    Some(Wait { end, until_step: until_step.clone() })
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
