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
    Failed(String),
}

/// The next message, if a whole one has been read. What is malformed counts as a bad output: the return value
/// is the one part of a message that a well-behaved step decides about.
pub(crate) fn receive(channel: &mut Framed) -> Option<Message> {
    match channel.receive() {
        Ok(raw) => raw.map(checked),
        Err(error) => Some(Message::Report(Outcome::BadOutput { message: malformed(&error) })),
    }
}

fn checked(raw: Raw) -> Message {
    match raw {
        Raw::Hello(pid) => Message::Hello(Pid::from_raw(pid)),
        Raw::Progress { fraction, message } => Message::Progress { fraction, message },
        Raw::Result(value) => Message::Report(Outcome::Ok { value }),
        Raw::Exception { r#type, message, traceback } => {
            Message::Report(Outcome::Exception { r#type, message, traceback })
        }
        Raw::BadOutput(message) => Message::Report(Outcome::BadOutput { message }),
        Raw::Failed(message) => Message::Report(Outcome::NotStarted { message }),
    }
}

fn malformed(error: &FrameError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the return value cannot be read: {error}{cause}")
}
