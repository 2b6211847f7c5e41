//! Execution of a `python` or `container` step in its host.

use std::time::Duration;

use crds::{run::StepError, workflow::ErrorKind};
use protocol::host::{Event, Outcome, Start};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    action::{
        error::ActionError,
        stop::{StopReason, StopSignal},
    },
    logs::AttemptLog,
    step_host::{HostLost, StepExecution, StepHost},
};

/// Time between SIGTERM and SIGKILL for a step whose deadline has passed.
const TERMINATION_GRACE: Duration = Duration::from_secs(2);
/// Time within which a host must report the end of a killed step. A host that does not is treated as lost.
const KILL_TIMEOUT: Duration = Duration::from_secs(15);

/// Executes the step to its end. If `stop` ends it early, its processes are gone when this returns.
///
/// # Errors
/// Returns an error if the step fails, is stopped, or its host is lost.
pub(super) async fn execute(
    start: Start,
    host: &StepHost,
    log: &mut AttemptLog,
    stop: &mut StopSignal,
) -> Result<Value, ActionError> {
    let mut execution = host.start(start).await?;
    let reason = tokio::select! {
        outcome = forward_output(&mut execution, log) => {
            let outcome = outcome?;
            log.flush().await;
            return into_result(outcome, log.stderr_tail());
        }
        reason = stop.stopped() => reason,
    };
    let grace = if reason == StopReason::Cancelled { Duration::ZERO } else { TERMINATION_GRACE };
    execution.kill(grace).await?;
    timeout(KILL_TIMEOUT, forward_output(&mut execution, log)).await.map_err(|_| HostLost)??;
    Err(ActionError::Stopped(reason))
}

/// Writes the step's output to its log until it has ended, and returns its outcome.
async fn forward_output(execution: &mut StepExecution, log: &mut AttemptLog) -> Result<Outcome, HostLost> {
    loop {
        match execution.next_event().await? {
            Event::Output { stream, line, partial, .. } => log.write_output(stream, &line, partial).await,
            Event::Progress { fraction, message, .. } => {
                log.write_note(format!("progress {:.0} % {message}", fraction * 100.0)).await;
            }
            Event::Exited { outcome, .. } => return Ok(outcome),
            Event::Ready | Event::Started { .. } | Event::Killed | Event::Cleared => {}
        }
    }
}

/// Returns the step's value, or the error with its class and code. `stderr` has the last lines that the step has written to
/// standard error, which usually name the cause of a failure.
fn into_result(outcome: Outcome, stderr: &str) -> Result<Value, ActionError> {
    let failed = |code: &str, message: String, details| {
        let error = StepError { kind: ErrorKind::User, code: code.to_owned(), message, details };
        Err(ActionError::Failed(error.into()))
    };
    let with_stderr = |message: String| match stderr {
        "" => message,
        lines => format!("{message}: {lines}"),
    };
    match outcome {
        Outcome::Ok { value } => Ok(value),
        Outcome::Exception { r#type, message, traceback } => {
            let details = json!({"type": r#type, "traceback": traceback});
            failed("PYTHON_EXCEPTION", format!("{}: {message}", r#type), Some(details))
        }
        Outcome::Exit { code, out_of_memory } => {
            let mut message = format!("the step exited with code {code}");
            if out_of_memory {
                message.push_str(", after one of its processes was killed because of the memory limit");
            }
            failed(&format!("EXIT_{code}"), with_stderr(message), None)
        }
        Outcome::Signal { number } => {
            let message = format!("the step's process was terminated by signal {number}");
            failed(&format!("SIGNAL_{number}"), with_stderr(message), None)
        }
        Outcome::OomKilled => {
            let message =
                "the step exceeded its memory limit; raise resources.memory or process less data at a time";
            failed("OOM_KILLED", message.to_owned(), None)
        }
        Outcome::BadOutput { message } => failed("BAD_OUTPUT", message, None),
        Outcome::TooManyProcesses { message } => failed("TOO_MANY_PROCESSES", message, None),
        Outcome::DiskFull { message } => failed("DISK_FULL", with_stderr(message), None),
        Outcome::NoCommand { message } => failed("COMMAND_INVALID", message, None),
        Outcome::VolumeWritable { message } => failed("VOLUME_WRITABLE", message, None),
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

    /// Failures of the step's code are user errors, and failures to start it are infrastructure errors, so that `retry`
    /// can tell them apart.
    #[test]
    fn outcomes_are_classified_as_user_or_infrastructure_errors() {
        let kind = |outcome| match into_result(outcome, "") {
            Ok(value) => Ok(value),
            Err(ActionError::Failed(failure)) => Err((failure.error.kind, failure.error.code)),
            Err(ActionError::NotStarted(error)) => Err((error.kind, error.code)),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(kind(Outcome::Ok { value: json!(1) }), Ok(json!(1)));
        assert_eq!(
            kind(Outcome::Exit { code: 3, out_of_memory: false }),
            Err((ErrorKind::User, "EXIT_3".into()))
        );
        assert_eq!(kind(Outcome::OomKilled), Err((ErrorKind::User, "OOM_KILLED".into())));
        let not_started = Outcome::NotStarted { message: "no memory to fork".into() };
        assert_eq!(kind(not_started), Err((ErrorKind::Infra, "NOT_STARTED".into())));
    }

    /// The message of a failed program has the last lines of its standard error, and says whether memory was short.
    #[test]
    fn the_message_has_the_last_lines_of_standard_error() {
        let message =
            |code, out_of_memory, stderr| match into_result(Outcome::Exit { code, out_of_memory }, stderr) {
                Err(ActionError::Failed(failure)) => failure.error.message,
                other => panic!("{other:?}"),
            };
        assert_eq!(message(2, false, ""), "the step exited with code 2");
        assert_eq!(
            message(2, false, "no such table\nrolled back"),
            "the step exited with code 2: no such table\nrolled back"
        );
        assert!(message(2, true, "Killed").contains("memory limit: Killed"));
    }
}
