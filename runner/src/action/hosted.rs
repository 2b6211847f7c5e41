//! A `python` or `container` step: handed to its host, watched, ended in time.

use std::time::Duration;

use crds::{run::StepError, workflow::ErrorKind};
use protocol::host::{Event, Outcome, Start};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    action::{ActionError, End, Ending},
    host::{Execution, Host, HostLost},
    logs::AttemptLog,
};

/// Between SIGTERM and SIGKILL when a step's time is up.
const GRACE: Duration = Duration::from_secs(2);
/// A host that has not told of a killed step's end by then is as good as lost.
const KILL_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs the step to its end. When `ending` asks for an earlier one, the process is gone before this returns.
pub(super) async fn run(
    start: Start,
    host: &Host,
    log: &mut AttemptLog,
    ending: &mut Ending,
) -> Result<Value, ActionError> {
    let mut execution = host.start(start).await?;
    let end = tokio::select! {
        outcome = follow(&mut execution, log) => return judge(outcome?),
        end = ending.asked() => end,
    };
    let grace = if end == End::Cancel { Duration::ZERO } else { GRACE };
    execution.kill(grace).await?;
    timeout(KILL_TIMEOUT, follow(&mut execution, log)).await.map_err(|_| HostLost)??;
    Err(ActionError::Ended(end))
}

/// Passes output on until the step's end.
async fn follow(execution: &mut Execution, log: &mut AttemptLog) -> Result<Outcome, HostLost> {
    loop {
        match execution.event().await? {
            Event::Output { stream, line, partial, .. } => log.output(stream, &line, partial).await,
            Event::Progress { fraction, message, .. } => {
                log.note(format!("progress {:.0} % {message}", fraction * 100.0)).await;
            }
            Event::Exited { outcome, .. } => return Ok(outcome),
            Event::Ready | Event::Started { .. } => {}
        }
    }
}

/// What the step's end means.
fn judge(outcome: Outcome) -> Result<Value, ActionError> {
    let failed = |code: &str, message: String, details| {
        let error = StepError { kind: ErrorKind::User, code: code.to_owned(), message, details };
        Err(ActionError::Failed(error.into()))
    };
    match outcome {
        Outcome::Ok { value } => Ok(value),
        Outcome::Exception { r#type, message, traceback } => {
            let details = json!({"type": r#type, "traceback": traceback});
            failed("PYTHON_EXCEPTION", format!("{}: {message}", r#type), Some(details))
        }
        Outcome::Exit { code } => {
            failed(&format!("EXIT_{code}"), format!("the step left with exit code {code}"), None)
        }
        Outcome::Signal { number } => {
            let message = format!("the step's process was ended by signal {number}");
            failed(&format!("SIGNAL_{number}"), message, None)
        }
        Outcome::OomKilled => {
            let message = "the step needed more memory than its limit; raise its resources.memory or hold less at a time";
            failed("OOM_KILLED", message.to_owned(), None)
        }
        Outcome::BadOutput { message } => failed("BAD_OUTPUT", message, None),
        Outcome::TooManyProcesses { message } => failed("TOO_MANY_PROCESSES", message, None),
        Outcome::NoCommand { message } => failed("COMMAND_INVALID", message, None),
        Outcome::InputTooLarge { message } => failed("INPUT_TOO_LARGE", message, None),
        Outcome::NotStarted { message } => {
            let code = "NOT_STARTED".to_owned();
            Err(ActionError::NotStarted(StepError { kind: ErrorKind::Infra, code, message, details: None }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A retry that is meant for our own faults repeats the author's, or the other way round.
    #[test]
    fn whose_fault_an_end_is() {
        let kind = |outcome| match judge(outcome) {
            Ok(value) => Ok(value),
            Err(ActionError::Failed(failure)) => Err((failure.error.kind, failure.error.code)),
            Err(ActionError::NotStarted(error)) => Err((error.kind, error.code)),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(kind(Outcome::Ok { value: json!(1) }), Ok(json!(1)));
        assert_eq!(kind(Outcome::Exit { code: 3 }), Err((ErrorKind::User, "EXIT_3".into())));
        assert_eq!(kind(Outcome::OomKilled), Err((ErrorKind::User, "OOM_KILLED".into())));
        let not_started = Outcome::NotStarted { message: "no memory to fork".into() };
        assert_eq!(kind(not_started), Err((ErrorKind::Infra, "NOT_STARTED".into())));
    }
}
