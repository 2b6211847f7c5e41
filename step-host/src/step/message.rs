//! What a step's process says on its channel. It is user code's word: shapes and bounds are checked here.

use nix::unistd::Pid;
use protocol::{frame::FrameError, host::Outcome};
use serde::Deserialize;
use serde_json::Value;

use crate::framed::Framed;

/// A checked message.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// The process exists and waits for its start message.
    Hello(Pid),
    Progress {
        fraction: f64,
        message: String,
    },
    /// How it ends, by its own account.
    Report(Outcome),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Raw {
    Hello(i32),
    Progress { fraction: f64, message: String },
    Result(Value),
    Exception { r#type: String, message: String, traceback: String },
    BadOutput(String),
    NoCommand(String),
    Failed(String),
}

/// What was read of a channel.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    Message(Message),
    /// No whole message yet.
    Nothing,
    /// What follows cannot be told apart any more.
    Broken(Message),
}

/// The next message. What is malformed counts as a bad output: the return value is the one part of a message
/// that a well-behaved step decides about.
pub(crate) fn receive(channel: &mut Framed) -> Received {
    let bad_output = |error| Message::Report(Outcome::BadOutput { message: malformed(&error) });
    match channel.receive() {
        Ok(Some(raw)) => Received::Message(checked(raw)),
        Ok(None) => Received::Nothing,
        Err(error @ FrameError::Decode { .. }) => Received::Message(bad_output(error)),
        Err(error) => Received::Broken(bad_output(error)),
    }
}

/// The harness keeps to these, and says where it cut; what is longer did not come from it.
const MAX_TEXT_BYTES: usize = 32 * 1024;

fn checked(raw: Raw) -> Message {
    match raw {
        Raw::Hello(pid) => Message::Hello(Pid::from_raw(pid)),
        Raw::Progress { fraction, message } => {
            Message::Progress { fraction, message: bounded(message, MAX_TEXT_BYTES) }
        }
        Raw::Result(value) => Message::Report(Outcome::Ok { value }),
        Raw::Exception { r#type, message, traceback } => {
            let (r#type, message) = (bounded(r#type, MAX_TEXT_BYTES), bounded(message, MAX_TEXT_BYTES));
            let traceback = bounded(traceback, MAX_TEXT_BYTES);
            Message::Report(Outcome::Exception { r#type, message, traceback })
        }
        Raw::BadOutput(message) => {
            Message::Report(Outcome::BadOutput { message: bounded(message, MAX_TEXT_BYTES) })
        }
        Raw::NoCommand(message) => {
            Message::Report(Outcome::NoCommand { message: bounded(message, MAX_TEXT_BYTES) })
        }
        Raw::Failed(message) => {
            Message::Report(Outcome::NotStarted { message: bounded(message, MAX_TEXT_BYTES) })
        }
    }
}

fn bounded(text: String, max_bytes: usize) -> String {
    if text.len() <= max_bytes { text } else { format!("(a text of {} bytes is left out)", text.len()) }
}

fn malformed(error: &FrameError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the return value cannot be read: {error}{cause}")
}
