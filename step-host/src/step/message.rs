//! Messages of a step's process on its channel. They come from user code, so that their form and size are checked here.

use nix::unistd::Pid;
use protocol::{frame::FrameError, host::Outcome};
use serde::Deserialize;
use serde_json::Value;

use crate::framed::Framed;

/// Validated message.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// The process exists and waits for its start message.
    Hello(Pid),
    Progress {
        fraction: f64,
        message: String,
    },
    /// Outcome that the process reports for itself.
    Report(Outcome),
}

/// Message as it is sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum RawMessage {
    Hello(i32),
    Progress { fraction: f64, message: String },
    Result(Value),
    Exception { r#type: String, message: String, traceback: String },
    BadOutput(String),
    NoCommand(String),
    Failed(String),
}

/// Result of reading a channel.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    Message(Message),
    /// No complete message has arrived yet.
    Incomplete,
    /// The frame is invalid, so that later messages cannot be decoded.
    Broken(Message),
}

/// Returns the next message. A malformed one counts as a bad output, since the return value is the only part of a message
/// that a step without faults determines.
pub(crate) fn receive(channel: &mut Framed) -> Received {
    let bad_output = |error| Message::Report(Outcome::BadOutput { message: malformed(&error) });
    match channel.receive() {
        Ok(Some(raw)) => Received::Message(validate(raw)),
        Ok(None) => Received::Incomplete,
        Err(error @ (FrameError::Decode { .. } | FrameError::Number { .. })) => {
            Received::Message(bad_output(error))
        }
        Err(error) => Received::Broken(bad_output(error)),
    }
}

/// Maximum size of a text in bytes. The harness shortens texts to less, so that a longer one does not come from it.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// Replaces texts that are too long.
fn validate(raw: RawMessage) -> Message {
    match raw {
        RawMessage::Hello(pid) => Message::Hello(Pid::from_raw(pid)),
        RawMessage::Progress { fraction, message } => {
            Message::Progress { fraction, message: limit_text(message) }
        }
        RawMessage::Result(value) => Message::Report(Outcome::Ok { value }),
        RawMessage::Exception { r#type, message, traceback } => {
            let (r#type, message) = (limit_text(r#type), limit_text(message));
            let traceback = limit_text(traceback);
            Message::Report(Outcome::Exception { r#type, message, traceback })
        }
        RawMessage::BadOutput(message) => {
            Message::Report(Outcome::BadOutput { message: limit_text(message) })
        }
        RawMessage::NoCommand(message) => {
            Message::Report(Outcome::NoCommand { message: limit_text(message) })
        }
        RawMessage::Failed(message) => Message::Report(Outcome::NotStarted { message: limit_text(message) }),
    }
}

fn limit_text(text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES { text } else { format!("(text of {} bytes omitted)", text.len()) }
}

/// Describes a message that cannot be decoded.
fn malformed(error: &FrameError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the return value cannot be read: {error}{cause}")
}
