//! A `python` step: handed to its host, watched, ended in time.

use std::{collections::BTreeMap, time::Duration};

use crds::{run::StepError, workflow::ErrorKind};
use protocol::host::{Action, Event, Meta, Outcome, Secrets, Start, StepId, Stream};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    action::{ActionError, End, Ending},
    host::{Execution, Host, HostLost},
    logs::{Logs, Origin},
};

/// Between SIGTERM and SIGKILL when a step's time is up.
const GRACE: Duration = Duration::from_secs(2);
/// A host that has not told of a killed step's end by then is as good as lost.
const KILL_TIMEOUT: Duration = Duration::from_secs(15);

/// A step, ready to run.
pub(super) struct Python {
    pub(super) code: String,
    pub(super) input: Value,
    pub(super) env: BTreeMap<String, String>,
    pub(super) meta: Meta,
}

/// Where a step's output goes, and as whose.
#[derive(Clone, Copy)]
pub(super) struct Log<'a> {
    pub(super) logs: &'a Logs,
    pub(super) origin: &'a Origin,
}

/// Runs the step to its end. When `ending` asks for an earlier one, the process is gone before this returns.
pub(super) async fn run(
    python: Python,
    id: StepId,
    host: &Host,
    log: Log<'_>,
    mut ending: Ending,
) -> Result<Value, ActionError> {
    let Python { code, input, env, meta } = python;
    let secrets = Secrets::default();
    let start = Start { id, action: Action::Python { code }, input, env, meta, secrets };
    let mut execution = host.start(start).await?;
    let end = tokio::select! {
        outcome = follow(&mut execution, log) => return judge(outcome?).map_err(ActionError::Failed),
        end = ending.asked() => end,
    };
    let grace = if end == End::Cancel { Duration::ZERO } else { GRACE };
    execution.kill(grace).await?;
    timeout(KILL_TIMEOUT, follow(&mut execution, log)).await.map_err(|_| HostLost)??;
    Err(ActionError::Ended(end))
}

/// Passes output on until the step's end.
async fn follow(execution: &mut Execution, Log { logs, origin }: Log<'_>) -> Result<Outcome, HostLost> {
    loop {
        match execution.event().await? {
            Event::Output { stream, line, partial, .. } => {
                logs.line(origin.line(stream, line, partial)).await
            }
            Event::Progress { fraction, message, .. } => {
                let text = format!("progress {:.0} % {message}", fraction * 100.0);
                logs.line(origin.line(Stream::Stdout, text, false)).await;
            }
            Event::Exited { outcome, .. } => return Ok(outcome),
            Event::Ready | Event::Started { .. } => {}
        }
    }
}

/// What the step's end means.
fn judge(outcome: Outcome) -> Result<Value, StepError> {
    let error = |kind, code: &str, message: String, details| {
        Err(StepError { kind, code: code.to_owned(), message, details })
    };
    match outcome {
        Outcome::Ok { value } => Ok(value),
        Outcome::Exception { r#type, message, traceback } => {
            let details = json!({"type": r#type, "traceback": traceback});
            error(ErrorKind::User, "PYTHON_EXCEPTION", format!("{}: {message}", r#type), Some(details))
        }
        Outcome::Exit { code } => {
            let message = format!("the step left with exit code {code} and returned nothing");
            error(ErrorKind::User, &format!("EXIT_{code}"), message, None)
        }
        Outcome::Signal { number } => {
            let message = format!("the step's process was ended by signal {number}");
            error(ErrorKind::User, &format!("SIGNAL_{number}"), message, None)
        }
        Outcome::OomKilled => {
            let message =
                "the step needed more memory than its limit; raise python.resources or hold less at a time";
            error(ErrorKind::User, "OOM_KILLED", message.to_owned(), None)
        }
        Outcome::TooManyProcesses { message } => error(ErrorKind::User, "TOO_MANY_PROCESSES", message, None),
        Outcome::NoCommand { message } => error(ErrorKind::User, "COMMAND_INVALID", message, None),
        Outcome::InputTooLarge { message } => error(ErrorKind::User, "INPUT_TOO_LARGE", message, None),
        Outcome::BadOutput { message } => error(ErrorKind::User, "BAD_OUTPUT", message, None),
        Outcome::NotStarted { message } => error(ErrorKind::Infra, "NOT_STARTED", message, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A retry that is meant for our own faults repeats the author's, or the other way round.
    #[test]
    fn whose_fault_an_end_is() {
        let kind = |outcome| judge(outcome).map_err(|error| (error.kind, error.code));
        assert_eq!(kind(Outcome::Ok { value: json!(1) }), Ok(json!(1)));
        assert_eq!(kind(Outcome::Exit { code: 3 }), Err((ErrorKind::User, "EXIT_3".into())));
        assert_eq!(kind(Outcome::OomKilled), Err((ErrorKind::User, "OOM_KILLED".into())));
        let not_started = Outcome::NotStarted { message: "no memory to fork".into() };
        assert_eq!(kind(not_started), Err((ErrorKind::Infra, "NOT_STARTED".into())));
    }
}
